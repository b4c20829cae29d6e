# SPDX-License-Identifier: Apache-2.0
defmodule Ledger.Rates do
  @moduledoc "Exchange rates, as exact ratios to the euro."
  use Agent

  def start_link(_), do: Agent.start_link(fn -> %{"EUR" => {1, 1}} end, name: __MODULE__)
  def put(currency, num, den), do: Agent.update(__MODULE__, &Map.put(&1, currency, {num, den}))
  def currencies, do: Agent.get(__MODULE__, &(&1 |> Map.keys() |> Enum.sort()))

  def to_euro(%Ledger.Money{} = money) do
    {num, den} = Agent.get(__MODULE__, &Map.fetch!(&1, money.currency))
    Ledger.Money.new(div(money.cents * num, den))
  end
end

defmodule Ledger.Auditor do
  @moduledoc "Sums up the books. Asked about books that do not balance, it crashes, and is restarted."
  use GenServer
  require Logger

  def start_link(_), do: GenServer.start_link(__MODULE__, nil, name: __MODULE__)
  def audit(expected \\ 0), do: GenServer.call(__MODULE__, {:audit, expected})
  def generation, do: GenServer.call(__MODULE__, :generation)

  @impl true
  def init(nil) do
    generation = :persistent_term.get({__MODULE__, :generation}, 0) + 1
    :persistent_term.put({__MODULE__, :generation}, generation)
    if generation > 1, do: Logger.info("auditor restarted, generation #{generation}")
    {:ok, generation, {:continue, :warm_up}}
  end

  @impl true
  def handle_continue(:warm_up, generation), do: {:noreply, generation}

  @impl true
  def handle_call({:audit, expected}, _from, generation) do
    ^expected = Ledger.Store.total()
    {:reply, :ok, generation}
  end

  def handle_call(:generation, _from, generation), do: {:reply, generation, generation}
end

defmodule Ledger.Pair do
  @moduledoc "One of two workers that only make sense together (`:one_for_all`)."
  use GenServer

  def child_spec(name), do: %{id: name, start: {__MODULE__, :start_link, [name]}}
  def start_link(name), do: GenServer.start_link(__MODULE__, name, name: name)

  @impl true
  def init(name), do: {:ok, name}
end
