# SPDX-License-Identifier: Apache-2.0
defmodule Ledger.Journal do
  @moduledoc """
  The durable book: one DETS object per transaction, each carrying the digest of the one before,
  so that a missing or altered page shows.
  """
  use GenServer

  @first :erlang.md5("genesis")

  def start_link(dir), do: GenServer.start_link(__MODULE__, dir, name: __MODULE__)
  def append(transaction), do: GenServer.call(__MODULE__, {:append, transaction})
  def count, do: GenServer.call(__MODULE__, :count)
  def sync, do: GenServer.call(__MODULE__, :sync)

  @doc "Checks a closed or open file from the outside: `{:ok, count}` or the number of the first bad page."
  def verify(file) do
    {:ok, table} = :dets.open_file(make_ref(), file: to_charlist(file), access: :read)
    pages = :dets.match_object(table, :_) |> Enum.sort()
    :ok = :dets.close(table)

    Enum.reduce_while(pages, {:ok, 0, @first}, fn {n, transaction, digest}, {:ok, count, before} ->
      if n == count + 1 and digest == chain(before, transaction),
        do: {:cont, {:ok, n, digest}},
        else: {:halt, {:bad_page, count + 1}}
    end)
    |> case do
      {:ok, count, _} -> {:ok, count}
      bad -> bad
    end
  end

  def file(dir), do: Path.join(dir, "journal.dets")

  @impl true
  def init(dir) do
    # terminate/2 closes the file, also when the supervisor stops us.
    Process.flag(:trap_exit, true)
    File.mkdir_p!(dir)
    {:ok, table} = :dets.open_file(__MODULE__, file: to_charlist(file(dir)), auto_save: 1000)
    count = :dets.info(table, :size)
    last = if count == 0, do: @first, else: table |> :dets.lookup(count) |> hd() |> elem(2)
    {:ok, %{table: table, count: count, last: last}}
  end

  @impl true
  def handle_call({:append, transaction}, _from, state) do
    digest = chain(state.last, transaction)
    :ok = :dets.insert(state.table, {state.count + 1, transaction, digest})
    {:reply, :ok, %{state | count: state.count + 1, last: digest}}
  end

  def handle_call(:count, _from, state), do: {:reply, state.count, state}
  def handle_call(:sync, _from, state), do: {:reply, :dets.sync(state.table), state}

  @impl true
  def terminate(_reason, state) do
    :persistent_term.put({__MODULE__, :closed}, {:dets.close(state.table), state.count})
  end

  defp chain(before, transaction) do
    :erlang.md5([
      before,
      :erlang.term_to_binary({transaction.id, transaction.text, transaction.postings})
    ])
  end
end
