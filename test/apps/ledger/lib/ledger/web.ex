# SPDX-License-Identifier: Apache-2.0
defmodule Ledger.Web do
  @moduledoc """
  `Ledger.Desk` over HTTP, as a module of inets' httpd: `GET /balance/ada`, `GET /statement/ada`,
  `GET /accounts`, `POST /transfer` with the words `FROM TO AMOUNT` as its body. Answers are text.
  """
  use GenServer
  require Record
  Record.defrecordp(:mod, Record.extract(:mod, from_lib: "inets/include/httpd.hrl"))

  def start_link(port), do: GenServer.start_link(__MODULE__, port, name: __MODULE__)
  def port, do: GenServer.call(__MODULE__, :port)

  # The server stands in the tree of inets; this process ties it to ours.
  @impl true
  def init(port) do
    root = to_charlist(Application.fetch_env!(:ledger, :data_dir))
    Process.flag(:trap_exit, true)

    {:ok, server} =
      :inets.start(:httpd,
        port: port,
        bind_address: {127, 0, 0, 1},
        server_name: 'ledger',
        server_root: root,
        document_root: root,
        modules: [__MODULE__],
        max_body_size: 1000
      )

    Process.link(server)
    [port: port] = :httpd.info(server, [:port])
    {:ok, {server, port}}
  end

  @impl true
  def handle_call(:port, _from, {server, port}), do: {:reply, port, {server, port}}

  @impl true
  def handle_info({:EXIT, server, reason}, {server, _} = state), do: {:stop, reason, state}

  @impl true
  def terminate(_reason, {server, _}) do
    Process.unlink(server)
    :inets.stop(:httpd, server)
  end

  @doc "Called by httpd for each request."
  def unquote(:do)(mod(method: method, request_uri: uri, entity_body: body)) do
    {status, text} =
      case {method, uri |> to_string() |> String.split("/", trim: true)} do
        {'GET', [what | names]} when what in ~w(accounts balance statement) ->
          Ledger.Desk.ask([what | names]) |> response(404)

        {'POST', ["transfer"]} ->
          Ledger.Desk.ask(["transfer" | body |> to_string() |> String.split()]) |> response(400)

        _ ->
          {404, "what?\n"}
      end

    head = [code: status, content_type: 'text/plain', content_length: '#{byte_size(text)}']
    {:proceed, [response: {:response, head, text}]}
  end

  defp response({:ok, lines}, _), do: {200, Enum.map_join(lines, &(&1 <> "\n"))}
  defp response({:error, why}, status), do: {status, why <> "\n"}
end
