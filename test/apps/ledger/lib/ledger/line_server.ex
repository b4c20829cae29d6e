# SPDX-License-Identifier: Apache-2.0
defmodule Ledger.LineServer do
  @moduledoc """
  `Ledger.Desk` over TCP, a request a line. Answers are `ok`, the lines, and a line with a dot; or
  `error`, a colon and why. A client has a process of its own, so one that dies, sleeps or talks
  nonsense is nobody else's trouble. `quit` ends the connection.
  """
  use GenServer

  @options [:binary, packet: :line, active: false, reuseaddr: true, backlog: 128, ip: {127, 0, 0, 1}]
  @longest 1000
  @acceptors 4

  def start_link(port), do: GenServer.start_link(__MODULE__, port, name: __MODULE__)
  def port, do: GenServer.call(__MODULE__, :port)

  @impl true
  def init(port) do
    limits = [buffer: @longest, packet_size: @longest, send_timeout: 5000, send_timeout_close: true]
    {:ok, listener} = :gen_tcp.listen(port, @options ++ limits)
    for _ <- 1..@acceptors, do: spawn_link(fn -> accept(listener) end)
    {:ok, listener}
  end

  @impl true
  def handle_call(:port, _from, listener) do
    {:ok, port} = :inet.port(listener)
    {:reply, port, listener}
  end

  defp accept(listener) do
    {:ok, socket} = :gen_tcp.accept(listener)
    {:ok, pid} = Task.Supervisor.start_child(Ledger.Clients, fn -> receive(do: (:go -> serve(socket))) end)
    :ok = :gen_tcp.controlling_process(socket, pid)
    send(pid, :go)
    accept(listener)
  end

  defp serve(socket) do
    with {:ok, line} <- :gen_tcp.recv(socket, 0),
         true <- String.ends_with?(line, "\n") and String.valid?(line),
         words when words != ["quit"] <- String.split(line),
         :ok <- :gen_tcp.send(socket, answer(words)) do
      serve(socket)
    else
      _ -> :gen_tcp.close(socket)
    end
  end

  defp answer(words) do
    case Ledger.Desk.ask(words) do
      {:ok, lines} -> Enum.map(["ok"] ++ lines ++ ["."], &[&1, "\n"])
      {:error, why} -> ["error: ", why, "\n"]
    end
  end
end
