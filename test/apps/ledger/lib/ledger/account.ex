# SPDX-License-Identifier: Apache-2.0
defmodule Ledger.Account do
  @moduledoc """
  One process per account in use. It reserves money for transfers and goes away after a while
  without work; the next caller starts it again. What is booked lives in `Ledger.Store`.
  """
  use GenServer, restart: :transient

  alias Ledger.Store

  def start_link(name), do: GenServer.start_link(__MODULE__, name, name: via(name))

  def via(name), do: {:via, Registry, {Ledger.Registry, name}}

  @doc "The account's process, started on demand."
  def whereis!(name) do
    case Registry.lookup(Ledger.Registry, name) do
      [{pid, _}] ->
        pid

      [] ->
        case DynamicSupervisor.start_child(Ledger.Accounts, {__MODULE__, name}) do
          {:ok, pid} -> pid
          {:error, {:already_started, pid}} -> pid
          {:error, reason} -> exit(reason)
        end
    end
  end

  def reserve(name, cents), do: GenServer.call(whereis!(name), {:reserve, cents})
  def release(name, cents), do: GenServer.call(whereis!(name), {:release, cents})
  def available(name), do: GenServer.call(whereis!(name), :available)
  def freeze(name), do: GenServer.call(whereis!(name), :freeze)
  def thaw(name), do: GenServer.cast(whereis!(name), :thaw)

  @impl true
  def init(name) do
    if Store.known?(name),
      do: reply({:ok, %{name: name, reserved: 0, frozen: false}}),
      else: {:stop, :no_account}
  end

  @impl true
  def handle_call({:reserve, _}, _from, %{frozen: true} = s),
    do: reply({:reply, {:error, :frozen}, s})

  def handle_call({:reserve, cents}, _from, s) do
    if Store.balance(s.name) - s.reserved >= cents or overdraft?(s.name),
      do: reply({:reply, :ok, %{s | reserved: s.reserved + cents}}),
      else: reply({:reply, {:error, :insufficient_funds}, s})
  end

  def handle_call({:release, cents}, _from, s),
    do: reply({:reply, :ok, %{s | reserved: s.reserved - cents}})

  def handle_call(:available, _from, s), do: reply({:reply, Store.balance(s.name) - s.reserved, s})
  def handle_call(:freeze, _from, s), do: reply({:reply, :ok, %{s | frozen: true}})

  @impl true
  def handle_cast(:thaw, s), do: reply({:noreply, %{s | frozen: false}})

  @impl true
  def handle_info(:timeout, %{reserved: 0, frozen: false} = s), do: {:stop, :normal, s}
  def handle_info(:timeout, s), do: reply({:noreply, s})

  # Every answer sets the idle timeout anew.
  defp reply({:ok, s}), do: {:ok, s, idle()}
  defp reply({:noreply, s}), do: {:noreply, s, idle()}
  defp reply({:reply, answer, s}), do: {:reply, answer, s, idle()}

  defp idle, do: Application.fetch_env!(:ledger, :idle_timeout)
  defp overdraft?(name), do: String.starts_with?(name, "bank:")
end
