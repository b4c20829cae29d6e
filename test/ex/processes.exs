# SPDX-License-Identifier: Apache-2.0
# Tasks, agents, GenServers, supervisors and registries as Elixir programs use them.
Logger.configure(level: :none)

defmodule Counter do
  use GenServer
  def start_link(opts), do: GenServer.start_link(__MODULE__, 0, opts)
  def init(n), do: {:ok, n, {:continue, :go}}
  def handle_continue(:go, n), do: {:noreply, n + 100}
  def handle_call(:get, _from, n), do: {:reply, n, n}
  def handle_call(:boom, _from, _), do: raise("boom")
  def handle_cast({:add, x}, n), do: {:noreply, n + x}
  def handle_info(:tick, n), do: {:noreply, n + 1}
end

{:ok, pid} = Counter.start_link(name: Counter)
GenServer.cast(Counter, {:add, 5})
send(pid, :tick)
IO.inspect(GenServer.call(Counter, :get))

Process.flag(:trap_exit, true)

try do
  GenServer.call(Counter, :boom)
catch
  :exit, {{%RuntimeError{message: message}, _}, _} -> IO.inspect({:exit, message})
end

IO.inspect(1..20 |> Task.async_stream(&(&1 * &1), max_concurrency: 4) |> Enum.map(&elem(&1, 1)))
IO.inspect(Task.await_many(for i <- 1..5, do: Task.async(fn -> i + 1 end)))
IO.inspect(Task.yield(Task.async(fn -> Process.sleep(5000) end), 10))

{:ok, agent} = Agent.start_link(fn -> %{} end)
for i <- 1..100, do: Agent.update(agent, &Map.update(&1, rem(i, 3), 1, fn n -> n + 1 end))
IO.inspect(Agent.get(agent, & &1))

{:ok, sup} = Supervisor.start_link([{Counter, name: :c1}], strategy: :one_for_one)
old = Process.whereis(:c1)
Process.exit(old, :kill)
Stream.repeatedly(fn -> Process.sleep(5); Process.whereis(:c1) end) |> Enum.find(&(&1 not in [nil, old]))
IO.inspect(GenServer.call(:c1, :get))
IO.inspect(Supervisor.count_children(sup))

{:ok, _} = Registry.start_link(keys: :duplicate, name: Reg)
for _ <- 1..3, do: spawn(fn -> Registry.register(Reg, "topic", :v); receive(do: ({:msg, to} -> send(to, :got))) end)
Stream.repeatedly(fn -> Process.sleep(5); length(Registry.lookup(Reg, "topic")) end) |> Enum.find(&(&1 == 3))
Registry.dispatch(Reg, "topic", fn entries -> for {p, :v} <- entries, do: send(p, {:msg, self()}) end)
IO.inspect(for _ <- 1..3, do: receive(do: (:got -> :got)))

IO.inspect(System.cmd("sh", ["-c", "echo out; exit 4"]))
IO.inspect(Port.open({:spawn, "cat"}, [:binary]) |> then(fn p -> Port.command(p, "x"); receive(do: ({^p, {:data, d}} -> d)) end))
path = Path.join(System.tmp_dir!(), "joist-ex-#{System.pid()}")
File.write!(path, Enum.map(1..1000, &"#{&1}\n"))
IO.inspect(File.stream!(path) |> Stream.map(&String.trim/1) |> Stream.map(&String.to_integer/1) |> Enum.sum())
File.rm!(path)
IO.inspect({:ets.new(:t, []) |> tap(&:ets.insert(&1, {:a, 1})) |> :ets.lookup(:a), Process.info(self(), :trap_exit)})
