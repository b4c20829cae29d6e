# SPDX-License-Identifier: Apache-2.0
defmodule Ledger.Transfer do
  @moduledoc """
  A transfer as a state machine: `:new -> :reserved -> :booked`, or `:cancelled`.
  Confirmation that comes before the reservation is postponed; a reservation that nobody
  confirms in time is given back.
  """
  @behaviour :gen_statem

  alias Ledger.{Account, Transaction}

  defstruct [:from, :to, :cents, :transaction]

  def start(from, to, cents), do: :gen_statem.start(__MODULE__, {from, to, cents}, [])
  def reserve(pid), do: :gen_statem.call(pid, :reserve)
  def confirm(pid), do: :gen_statem.call(pid, :confirm)
  def cancel(pid), do: :gen_statem.call(pid, :cancel)
  def state(pid), do: :gen_statem.call(pid, :state)

  @impl true
  def callback_mode, do: [:state_functions, :state_enter]

  @impl true
  def init({from, to, cents}), do: {:ok, :new, %__MODULE__{from: from, to: to, cents: cents}}

  def new(:enter, _old, _data), do: :keep_state_and_data
  def new({:call, _}, :confirm, _data), do: {:keep_state_and_data, [:postpone]}

  def new({:call, from}, :reserve, data) do
    case Account.reserve(data.from, data.cents) do
      :ok -> {:next_state, :reserved, data, [{:reply, from, :ok}]}
      {:error, _} = error -> {:next_state, :cancelled, data, [{:reply, from, error}]}
    end
  end

  def new({:call, from}, event, _data), do: common(from, event, :new)

  def reserved(:enter, _old, _data) do
    {:keep_state_and_data,
     [{:state_timeout, Application.fetch_env!(:ledger, :transfer_timeout), :give_up}]}
  end

  def reserved(:state_timeout, :give_up, data), do: {:next_state, :cancelled, release(data)}

  def reserved({:call, from}, :cancel, data),
    do: {:next_state, :cancelled, release(data), [{:reply, from, :ok}]}

  def reserved({:call, from}, :confirm, data) do
    {:ok, transaction} = Transaction.transfer(data.from, data.to, data.cents)
    booked = Ledger.book(transaction)
    {:next_state, :booked, %{release(data) | transaction: booked}, [{:reply, from, {:ok, booked}}]}
  end

  def reserved({:call, from}, event, _data), do: common(from, event, :reserved)

  def booked(:enter, _old, _data), do: :keep_state_and_data
  def booked({:call, from}, event, _data), do: common(from, event, :booked)

  def cancelled(:enter, _old, _data), do: :keep_state_and_data
  def cancelled({:call, from}, event, _data), do: common(from, event, :cancelled)

  defp common(from, :state, state), do: {:keep_state_and_data, [{:reply, from, state}]}
  defp common(from, _event, state), do: {:keep_state_and_data, [{:reply, from, {:error, state}}]}

  defp release(data) do
    :ok = Account.release(data.from, data.cents)
    data
  end
end
