# SPDX-License-Identifier: Apache-2.0
defmodule Ledger.Application do
  @moduledoc """
  The tree, with each strategy where it belongs:

      Ledger.Supervisor          one_for_one
      |- Ledger.Core             rest_for_one: nothing works without what stands above it
      |  |- Ledger.Store         ETS tables
      |  |- Ledger.Journal       DETS file
      |  |- Ledger.Registry      account name -> process
      |  |- Ledger.Accounts      DynamicSupervisor, a process per account in use
      |  |- Ledger.Services      one_for_one: rates, auditor, tasks
      |  `- Ledger.Clearing      one_for_all: a pair that lives and dies together
      |- Ledger.Net              one_for_one: the ways in, and their clients
      |  |- Ledger.Clients        tasks, one per connection
      |  |- Ledger.LineServer     lines over TCP
      |  `- Ledger.Web            HTTP
      `- Ledger.Runner           in mode :checks, runs them
  """
  use Application

  @impl true
  def start(_type, _args) do
    services = [Ledger.Rates, Ledger.Auditor, {Task.Supervisor, name: Ledger.Tasks}]
    clearing = [{Ledger.Pair, :clearing_in}, {Ledger.Pair, :clearing_out}]

    core = [
      Ledger.Store,
      {Ledger.Journal, Application.fetch_env!(:ledger, :data_dir)},
      {Registry, keys: :unique, name: Ledger.Registry},
      {DynamicSupervisor, name: Ledger.Accounts, strategy: :one_for_one},
      supervisor(Ledger.Services, services, :one_for_one),
      supervisor(Ledger.Clearing, clearing, :one_for_all)
    ]

    net = [
      {Task.Supervisor, name: Ledger.Clients},
      {Ledger.LineServer, Application.fetch_env!(:ledger, :line_port)},
      {Ledger.Web, Application.fetch_env!(:ledger, :http_port)}
    ]

    children = [
      supervisor(Ledger.Core, core, :rest_for_one),
      supervisor(Ledger.Net, net, :one_for_one),
      runner(Application.fetch_env!(:ledger, :mode))
    ]

    Supervisor.start_link(children, strategy: :one_for_one, name: Ledger.Supervisor)
  end

  # Asked to stop, by SIGTERM or otherwise: last words while the tree still stands.
  @impl true
  def prep_stop(state) do
    Ledger.Journal.sync()
    state
  end

  # The tree is down; what it left behind can be looked at.
  @impl true
  def stop(_state), do: Ledger.Runner.finish(Application.fetch_env!(:ledger, :mode))

  defp runner(:checks), do: Ledger.Runner
  defp runner(:serve), do: {Task, &announce/0}

  defp announce do
    IO.puts("lines at #{Ledger.LineServer.port()}, HTTP at #{Ledger.Web.port()}")
    IO.puts("ledger serves, pid #{System.pid()}")
  end

  # A registry that is killed leaves parts which keep their names until they have logged their end: its
  # restart is tried until they are gone.
  defp supervisor(name, children, strategy) do
    options = [strategy: strategy, name: name, max_restarts: 1000]
    %{id: name, type: :supervisor, start: {Supervisor, :start_link, [children, options]}}
  end
end
