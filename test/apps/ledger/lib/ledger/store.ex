# SPDX-License-Identifier: Apache-2.0
defmodule Ledger.Store do
  @moduledoc """
  Owns the shared tables. Readers and writers go to ETS directly; this process only keeps the
  tables alive, so it stands first in the tree and everything that uses them stands after it.
  """
  use GenServer

  @balances __MODULE__.Balances
  @history __MODULE__.History
  @counter {__MODULE__, :sequence}

  def start_link(_), do: GenServer.start_link(__MODULE__, nil, name: __MODULE__)

  @impl true
  def init(nil) do
    :ets.new(@balances, [
      :named_table,
      :public,
      :set,
      write_concurrency: true,
      read_concurrency: true
    ])

    :ets.new(@history, [:named_table, :public, :ordered_set])
    :persistent_term.put(@counter, :atomics.new(1, []))
    {:ok, nil}
  end

  def next_id do
    :atomics.add_get(:persistent_term.get(@counter), 1, 1)
  end

  def open(account), do: :ets.insert_new(@balances, {account, 0, 0})
  def known?(account), do: :ets.member(@balances, account)
  def balance(account), do: :ets.lookup_element(@balances, account, 2)
  def postings(account), do: :ets.lookup_element(@balances, account, 3)

  @doc "Adds to balance and number of postings in one atomic step."
  def post(account, id, cents) do
    [balance, _] = :ets.update_counter(@balances, account, [{2, cents}, {3, 1}])
    :ets.insert(@history, {{account, id}, cents, balance})
    balance
  end

  def accounts, do: @balances |> :ets.select([{{:"$1", :_, :_}, [], [:"$1"]}]) |> Enum.sort()

  @doc "All (id, cents) of an account, oldest first, read in pages."
  def history(account) do
    spec = [{{{account, :"$1"}, :"$2", :_}, [], [{{:"$1", :"$2"}}]}]

    Stream.unfold(:start, fn
      :done -> nil
      :start -> page(:ets.select(@history, spec, 16))
      continuation -> page(:ets.select(continuation))
    end)
    |> Stream.flat_map(& &1)
  end

  defp page(:"$end_of_table"), do: nil
  defp page({rows, :"$end_of_table"}), do: {rows, :done}
  defp page({rows, continuation}), do: {rows, continuation}

  @doc "Accounts in the red."
  def overdrawn, do: :ets.select(@balances, [{{:"$1", :"$2", :_}, [{:<, :"$2", 0}], [:"$1"]}])

  def total, do: :ets.foldl(fn {_, cents, _}, sum -> sum + cents end, 0, @balances)
end
