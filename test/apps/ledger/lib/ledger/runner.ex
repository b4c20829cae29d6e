# SPDX-License-Identifier: Apache-2.0
defmodule Ledger.Runner do
  @moduledoc """
  Runs all checks, then asks the system to stop the way an operator would: with SIGTERM. The last
  checks and the summary come when the tree is down; the exit status tells whether all passed.
  """
  use Task, restart: :temporary

  @results {__MODULE__, :results}
  # Long enough for a slow machine; a system that has not stopped by then counts as hanging.
  @patience 30_000

  def start_link(_), do: Task.start_link(__MODULE__, :run, [])

  def run do
    :persistent_term.put(@results, :counters.new(2, []))
    Ledger.LogTap.install()
    Ledger.Checks.all()
    spawn(&watch_the_stop/0)
    {_, 0} = System.cmd("kill", ["-TERM", System.pid()])
  end

  @doc "Counts one check and prints its line; `fun` returns true when it holds."
  def check(name, fun) do
    case outcome(fun) do
      true ->
        :counters.add(results(), 1, 1)
        IO.puts("ok    #{name}")

      other ->
        :counters.add(results(), 2, 1)
        IO.puts("FAIL  #{name}: #{inspect(other)}")
    end
  end

  @doc "Called with the tree down."
  def finish(:serve) do
    {:ok, count} = :persistent_term.get({Ledger.Journal, :closed})
    IO.puts("ledger stopped, #{count} transactions in the journal")
  end

  def finish(:checks) do
    check("SIGTERM: the journal was closed", fn ->
      match?(
        {:ok, count} when count > 0,
        :persistent_term.get({Ledger.Journal, :closed}, :not_closed)
      )
    end)

    check("SIGTERM: the closed journal is complete", fn ->
      {:ok, count} = :persistent_term.get({Ledger.Journal, :closed})
      dir = Application.fetch_env!(:ledger, :data_dir)
      answer = Ledger.Journal.verify(Ledger.Journal.file(dir))
      File.rm_rf!(dir)
      answer == {:ok, count}
    end)

    check("SIGTERM: no process of the tree is left", fn ->
      Enum.all?(
        [Ledger.Supervisor, Ledger.Core, Ledger.Store, Ledger.Journal, Ledger.Auditor],
        &(Process.whereis(&1) == nil)
      )
    end)

    failed = summary()
    if failed > 0, do: System.halt(1)
  end

  defp outcome(fun) do
    fun.()
  rescue
    error -> error
  catch
    kind, reason -> {kind, reason}
  end

  defp summary do
    failed = :counters.get(results(), 2)
    IO.puts("#{:counters.get(results(), 1)} checks passed, #{failed} failed")
    failed
  end

  defp watch_the_stop do
    Process.sleep(@patience)
    check("SIGTERM: the system stops", fn -> :still_running end)
    summary()
    System.halt(1)
  end

  defp results, do: :persistent_term.get(@results)
end

defmodule Ledger.LogTap do
  @moduledoc "A handler of Erlang's logger that keeps what passes, for the checks to look at."
  @table __MODULE__

  def install do
    :ets.new(@table, [:named_table, :public, :duplicate_bag])
    :ok = :logger.add_handler(__MODULE__, __MODULE__, %{level: :info})
  end

  def log(%{level: level, msg: message}, _config), do: :ets.insert(@table, {level, text(message)})

  def seen?(level, part) do
    Enum.any?(:ets.lookup(@table, level), fn {_, text} -> text =~ part end)
  end

  defp text({:string, chars}), do: IO.chardata_to_string(chars)
  defp text({:report, report}), do: inspect(report, limit: :infinity, printable_limit: :infinity)
  defp text({format, args}), do: format |> :io_lib.format(args) |> IO.chardata_to_string()
end
