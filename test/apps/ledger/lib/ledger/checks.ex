# SPDX-License-Identifier: Apache-2.0
defmodule Ledger.Checks do
  @moduledoc "What the ledger promises, each as a line of output."
  import Ledger.Runner, only: [check: 2]
  require Logger

  alias Ledger.{
    Account,
    Auditor,
    Describe,
    Journal,
    LogTap,
    Money,
    Posting,
    Rates,
    Store,
    Transaction,
    Transfer
  }

  @people ~w(ada grace joe landlord)

  def all do
    configuration()
    values()
    opening()
    accounts()
    transfers()
    concurrency()
    reports()
    network()
    services()
    strategies()
    outside()
    journal()
  end

  defp configuration do
    check("config: runtime.exs chose the mode", fn ->
      Application.fetch_env!(:ledger, :mode) == :checks
    end)

    check("config: runtime.exs made a number", fn ->
      Application.fetch_env!(:ledger, :workers) in 1..64
    end)

    check("config: config.exs is there too", fn ->
      Application.fetch_env!(:ledger, :currency) == "EUR"
    end)

    check("config: the version is that of mix.exs", fn ->
      to_string(Application.spec(:ledger, :vsn)) == "1.0.0"
    end)
  end

  defp values do
    check("money: reads what it writes", fn ->
      for cents <- [-123_456, -5, 0, 7, 10, 99, 100, 1_000_000_000_000_000_000_000] do
        {:ok, %Money{cents: ^cents}} = cents |> Money.new() |> to_string() |> Money.parse()
      end

      true
    end)

    check("money: refuses what is none", fn ->
      Enum.all?(
        ["", "1,00", "1.234", "EUR", "1.0 euro", "--1"],
        &(Money.parse(&1) == {:error, :not_money})
      )
    end)

    check("money: has its own look", fn -> inspect([Money.new(-5)]) == "[#Money<-0.05 EUR>]" end)

    check("transaction: must balance", fn ->
      {:ok, %Transaction{}} = Transaction.new("split", [{"a", -300}, {"b", 100}, {"c", 200}])
      {:error, {:unbalanced, %Money{cents: 1}}} = Transaction.new("off", [{"a", -99}, {"b", 100}])
      true
    end)

    check("transaction: a transfer of nothing is none", fn ->
      try do
        Transaction.transfer("a", "b", 0)
      rescue
        FunctionClauseError -> true
      end
    end)

    check("protocol: a line for each kind of thing", fn ->
      {:ok, transaction} = Transaction.transfer("a", "b", 1)

      Enum.map(
        [
          Money.new(1),
          %Posting{account: "a", amount: Money.new(-1)},
          %{transaction | id: 7},
          {:x, 1}
        ],
        &Describe.line/1
      ) ==
        [
          "      0.01 EUR",
          "a                -0.01 EUR",
          "#7 transfer: a -0.01 EUR, b 0.01 EUR",
          "{:x, 1}"
        ]
    end)

    check("protocol: consolidated in the release", fn -> Protocol.consolidated?(Describe) end)

    check("text: names in any script", fn ->
      String.upcase("straße") == "STRASSE" and String.length("Łódź 日本 👩‍👩‍👧") == 9 and
        String.split("Ödön,Ada,Žiga", ",") |> Enum.sort() == ["Ada", "Ödön", "Žiga"]
    end)
  end

  defp opening do
    check("store: accounts are opened once", fn ->
      first = Enum.map(["bank:capital" | @people], &Ledger.open/1)
      Enum.all?(first) and Ledger.open("ada") == false and length(Store.accounts()) == 5
    end)

    check("import: books the good lines, names the bad", fn ->
      Ledger.import_csv(Application.app_dir(:ledger, "priv/opening.csv")) == {5, [7, 8]}
    end)

    check("import: balances follow", fn ->
      Enum.map(@people, &to_string(Ledger.balance(&1))) == [
        "587.63 EUR",
        "715.25 EUR",
        "55.25 EUR",
        "412.37 EUR"
      ]
    end)

    check("store: only the bank is in the red", fn -> Store.overdrawn() == ["bank:capital"] end)
    check("store: all adds up to nothing", fn -> Store.total() == 0 end)
  end

  defp accounts do
    check("account: a crowd of callers meets one process", fn ->
      1..50
      |> Task.async_stream(fn _ -> Account.whereis!("ada") end, max_concurrency: 50)
      |> Enum.uniq()
      |> length() == 1
    end)

    check("account: reserved money is not available", fn ->
      :ok = Account.reserve("joe", 2000)
      refused = Account.reserve("joe", 4000)
      left = Account.available("joe")
      :ok = Account.release("joe", 2000)
      {refused, left, Account.available("joe")} == {{:error, :insufficient_funds}, 3525, 5525}
    end)

    check("account: frozen until thawed", fn ->
      :ok = Account.freeze("joe")
      frozen = Account.reserve("joe", 1)
      :ok = Account.thaw("joe")
      thawed = Account.reserve("joe", 1)
      :ok = Account.release("joe", 1)
      {frozen, thawed} == {{:error, :frozen}, :ok}
    end)

    check("account: idle ones go away, and come back when needed", fn ->
      pid = Account.whereis!("joe")
      ref = Process.monitor(pid)

      receive do
        {:DOWN, ^ref, :process, ^pid, :normal} -> :ok
      after
        5000 -> exit(:never_went_away)
      end

      wait_until(fn -> Registry.lookup(Ledger.Registry, "joe") == [] end)
      Account.available("joe") == 5525 and Account.whereis!("joe") != pid
    end)

    check("account: one that was never opened has no process", fn ->
      catch_exit(fn -> Account.whereis!("nobody") end) == :no_account
    end)

    check("account: a killed one is restarted under its name", fn ->
      pid = Account.whereis!("grace")
      Process.exit(pid, :kill)

      wait_until(fn ->
        match?([{new, _}] when new != pid, Registry.lookup(Ledger.Registry, "grace"))
      end)

      Account.available("grace") == 71_525
    end)
  end

  defp transfers do
    check("transfer: reserved, then booked", fn ->
      {:ok, pid} = Transfer.start("ada", "joe", 1000)
      :ok = Transfer.reserve(pid)
      during = {Transfer.state(pid), Account.available("ada")}
      {:ok, %Transaction{id: id}} = Transfer.confirm(pid)

      {during, Transfer.state(pid), is_integer(id), Store.balance("joe")} ==
        {{:reserved, 57_763}, :booked, true, 6525}
    end)

    check("transfer: an early confirmation waits for the reservation", fn ->
      {:ok, pid} = Transfer.start("ada", "joe", 1)
      confirm = Task.async(fn -> Transfer.confirm(pid) end)
      state = Transfer.state(pid)
      :ok = Transfer.reserve(pid)
      match?({:ok, _}, Task.await(confirm)) and state == :new
    end)

    check("transfer: cancelled on request", fn ->
      {:ok, pid} = Transfer.start("ada", "joe", 500)
      :ok = Transfer.reserve(pid)
      :ok = Transfer.cancel(pid)
      {Transfer.confirm(pid), Account.available("ada")} == {{:error, :cancelled}, 57_762}
    end)

    check("transfer: given back when nobody confirms in time", fn ->
      {:ok, pid} = Transfer.start("ada", "joe", 500)
      :ok = Transfer.reserve(pid)
      wait_until(fn -> Transfer.state(pid) == :cancelled end)
      Account.available("ada") == 57_762
    end)

    check("transfer: refused without the money", fn ->
      {:ok, pid} = Transfer.start("joe", "ada", 1_000_000)
      {Transfer.reserve(pid), Transfer.state(pid)} == {{:error, :insufficient_funds}, :cancelled}
    end)
  end

  defp concurrency do
    check("concurrency: 400 transfers in parallel lose nothing", fn ->
      before = Journal.count()

      booked =
        1..400
        |> Task.async_stream(&circle/1, max_concurrency: 16, ordered: false)
        |> Enum.count(&match?({:ok, %Transaction{}}, &1))

      {booked, Journal.count() - before, Store.total()} == {400, 400, 0}
    end)

    check("concurrency: all ids differ", fn ->
      ids = Enum.flat_map(Store.accounts(), &Enum.map(Store.history(&1), fn {id, _} -> id end))
      Enum.all?(Enum.frequencies(ids), fn {_, n} -> n == 2 end)
    end)

    check("concurrency: 10,000 processes answer", fn ->
      parent = self()
      for n <- 1..10_000, do: spawn(fn -> send(parent, {:square, n, n * n}) end)

      sum =
        Enum.reduce(1..10_000, 0, fn n, sum ->
          receive(do: ({:square, ^n, square} -> sum + square))
        end)

      sum == 333_383_335_000
    end)

    check("tasks: a crash stays in its task", fn ->
      task = Task.Supervisor.async_nolink(Ledger.Tasks, fn -> raise "out of ink" end)
      match?({:exit, {%RuntimeError{message: "out of ink"}, _}}, Task.yield(task, 5000))
    end)

    check("tasks: a slow one is shut down", fn ->
      task = Task.Supervisor.async_nolink(Ledger.Tasks, fn -> Process.sleep(:infinity) end)
      nil = Task.yield(task, 20)
      {Task.shutdown(task), Task.Supervisor.children(Ledger.Tasks)} == {nil, []}
    end)

    check("timers: fire in order", fn ->
      for ms <- [60, 20, 40], do: Process.send_after(self(), {:tick, ms}, ms)
      Enum.map(1..3, fn _ -> receive(do: ({:tick, ms} -> ms)) end) == [20, 40, 60]
    end)
  end

  defp circle(n) do
    from = Enum.at(@people, rem(n, 4))
    to = Enum.at(@people, rem(n + 1 + rem(n, 3), 4))
    {:ok, transaction} = Transaction.transfer(from, to, 1 + rem(n, 7), "round #{n}")
    Ledger.book(transaction)
  end

  defp reports do
    check("statement: reads only what is asked for", fn ->
      "ada" |> Ledger.statement() |> Enum.take(2) == [
        "1;1000.00 EUR;1000.00 EUR",
        "4;-412.37 EUR;587.63 EUR"
      ]
    end)

    check("statement: the last line is the balance", fn ->
      Enum.all?(@people, fn name ->
        last = name |> Ledger.statement() |> Enum.to_list() |> List.last()
        String.ends_with?(last, ";#{Ledger.balance(name)}")
      end)
    end)

    check("statement: side by side as one by one", fn ->
      Ledger.statements(@people) == Enum.map(@people, &{&1, Enum.to_list(Ledger.statement(&1))})
    end)

    check("stream: chunks, zips and comprehensions", fn ->
      weeks =
        Date.range(~D[2024-02-26], ~D[2024-03-10]) |> Enum.chunk_every(7) |> Enum.map(&List.first/1)

      bits = for <<(digit::4 <- <<0x1234::16>>)>>, into: "", do: Integer.to_string(digit)

      {weeks, bits, Enum.zip_with([1..3, 4..6], &Enum.sum/1)} ==
        {[~D[2024-02-26], ~D[2024-03-04]], "1234", [5, 7, 9]}
    end)
  end

  defp network do
    check("lines: a balance, an error, a statement on one connection", fn ->
      socket = connect()
      balance = ask(socket, "balance ada")
      wrong = ask(socket, "balance nobody")
      {:ok, lines} = ask(socket, "statement ada")
      :gen_tcp.close(socket)

      {balance, wrong, lines} ==
        {{:ok, [to_string(Ledger.balance("ada"))]}, {:error, "no such account"},
         Enum.to_list(Ledger.statement("ada"))}
    end)

    check("lines: 100 clients transfer at once", fn ->
      before = Journal.count()

      1..100
      |> Task.async_stream(&transfer_by_line/1, max_concurrency: 100, timeout: 30_000)
      |> Enum.each(fn {:ok, answers} -> true = Enum.all?(answers, &match?({:ok, [_]}, &1)) end)

      {Journal.count() - before, Store.total()} == {300, 0}
    end)

    check("lines: nonsense and long lines harm nobody", fn ->
      good = connect()
      bad = Enum.map([<<0, 255, 10>>, String.duplicate("x", 100_000), "half a line"], &shout/1)
      quiet = connect()
      answer = ask(good, "accounts")
      Enum.each([good, quiet | bad], &:gen_tcp.close/1)
      answer == {:ok, Store.accounts()}
    end)

    check("lines: a connection that ended leaves no process", fn ->
      wait_until(fn -> Task.Supervisor.children(Ledger.Clients) == [] end)
    end)

    check("http: balances, and 404 for what is not there", fn ->
      {get("balance/joe"), get("balance/nobody"), get("")} ==
        {{200, "#{Ledger.balance("joe")}\n"}, {404, "no such account\n"}, {404, "what?\n"}}
    end)

    check("http: transfers, and 400 for what is none", fn ->
      before = Store.balance("grace")
      booked = post("transfer", "ada grace 1.25")
      refused = post("transfer", "ada grace -1")
      {match?({200, _}, booked), refused, Store.balance("grace") - before} ==
        {true, {400, "not an amount\n"}, 125}
    end)

    check("http: 200 requests of 20 clients", fn ->
      1..200
      |> Task.async_stream(fn _ -> get("accounts") end, max_concurrency: 20, timeout: 30_000)
      |> Enum.uniq() == [{:ok, {200, Enum.map_join(Store.accounts(), &(&1 <> "\n"))}}]
    end)
  end

  defp connect do
    options = [:binary, packet: :line, active: false]
    {:ok, socket} = :gen_tcp.connect({127, 0, 0, 1}, Ledger.LineServer.port(), options)
    socket
  end

  defp shout(bytes) do
    socket = connect()
    _ = :gen_tcp.send(socket, bytes)
    socket
  end

  defp ask(socket, request) do
    :ok = :gen_tcp.send(socket, [request, "\n"])

    case :gen_tcp.recv(socket, 0, 10_000) do
      {:ok, "ok\n"} -> {:ok, lines(socket)}
      {:ok, "error: " <> why} -> {:error, String.trim(why)}
    end
  end

  defp lines(socket) do
    case :gen_tcp.recv(socket, 0, 10_000) do
      {:ok, ".\n"} -> []
      {:ok, line} -> [String.trim_trailing(line, "\n") | lines(socket)]
    end
  end

  defp transfer_by_line(n) do
    socket = connect()
    answers = for m <- 1..3, do: ask(socket, "transfer ada joe 0.0#{1 + rem(n + m, 9)}")
    :gen_tcp.close(socket)
    answers
  end

  defp get(path), do: http(:get, {url(path), []})
  defp post(path, body), do: http(:post, {url(path), [], 'text/plain', body})
  defp url(path), do: 'http://127.0.0.1:#{Ledger.Web.port()}/#{path}'

  defp http(method, request) do
    {:ok, {{_, status, _}, _, body}} = :httpc.request(method, request, [timeout: 30_000], [])
    {status, to_string(body)}
  end

  defp services do
    check("rates: kept by an agent", fn ->
      :ok = Rates.put("USD", 9, 10)

      {Rates.currencies(), Rates.to_euro(Money.new(1000, "USD"))} ==
        {["EUR", "USD"], Money.new(900)}
    end)

    check("auditor: finds the books in order", fn -> Auditor.audit() == :ok end)

    check("auditor: crashes on books that are not, and the caller learns why", fn ->
      match?({{{:badmatch, 0}, _}, {GenServer, :call, _}}, catch_exit(fn -> Auditor.audit(1) end))
    end)

    check("auditor: was restarted", fn ->
      wait_until(fn -> Process.whereis(Auditor) end) && Auditor.generation() == 2
    end)

    check("logger: reported the crash and the restart", fn ->
      wait_until(fn ->
        LogTap.seen?(:error, "Ledger.Auditor") and
          LogTap.seen?(:info, "auditor restarted, generation 2")
      end)
    end)

    check("logger: leaves out what is below its level", fn ->
      Logger.debug("not for the books")
      Logger.warning("for the books")

      wait_until(fn -> LogTap.seen?(:warning, "for the books") end) and
        not LogTap.seen?(:debug, "not for")
    end)
  end

  defp strategies do
    check("one_for_one: the auditor's crash left its neighbours alone", fn ->
      Rates.currencies() == ["EUR", "USD"]
    end)

    check("one_for_all: the pair lives and dies together", fn ->
      {changed, _} = after_killing(:clearing_in, [:clearing_in, :clearing_out, Rates])
      changed == [:clearing_in, :clearing_out]
    end)

    check("rest_for_one: what stands below is restarted, what stands above is not", fn ->
      watched = [
        Store,
        Journal,
        Ledger.Registry,
        Ledger.Accounts,
        Ledger.Services,
        Rates,
        :clearing_in
      ]

      {changed, _} = after_killing(Ledger.Registry, watched)
      changed == [Ledger.Registry, Ledger.Accounts, Ledger.Services, Rates, :clearing_in]
    end)

    check("rest_for_one: the books are still there", fn ->
      Account.available("joe") == Store.balance("joe") and Auditor.audit() == :ok
    end)
  end

  # Kills one and waits for all to be back; tells which of the watched have another pid now.
  defp after_killing(name, watched) do
    old = Map.new(watched, &{&1, Process.whereis(&1)})
    ref = Process.monitor(old[name])
    Process.exit(old[name], :kill)
    receive(do: ({:DOWN, ^ref, _, _, reason} -> reason))

    wait_until(fn ->
      Process.whereis(name) not in [nil, old[name]] and Enum.all?(watched, &Process.whereis/1)
    end)

    # The supervisor answers once it has restarted the last of them.
    _ = Supervisor.which_children(Ledger.Core)
    {Enum.filter(watched, &(Process.whereis(&1) != old[&1])), old}
  end

  defp outside do
    dir = Application.fetch_env!(:ledger, :data_dir)
    path = Path.join(dir, "ada.csv")

    check("files: a statement written line by line", fn ->
      "ada" |> Ledger.statement() |> Stream.map(&(&1 <> "\n")) |> Enum.into(File.stream!(path))
      File.read!(path) |> String.split("\n", trim: true) == Enum.to_list(Ledger.statement("ada"))
    end)

    check("commands: sort agrees with Enum.sort", fn ->
      {sorted, 0} = System.cmd("sort", [path], env: [{"LC_ALL", "C"}])
      String.split(sorted, "\n", trim: true) == Enum.sort(Ledger.statement("ada"))
    end)

    check("commands: exit status, environment, standard error", fn ->
      System.cmd("sh", ["-c", "echo $CURRENCY; echo oops >&2; exit 3"],
        env: [{"CURRENCY", "EUR"}],
        stderr_to_stdout: true
      ) ==
        {"EUR\noops\n", 3}
    end)

    check("commands: a megabyte comes through", fn ->
      {text, 0} = System.cmd("head", ["-c", "1000000", "/dev/zero"])
      byte_size(text) == 1_000_000
    end)

    check("commands: one that is not there", fn ->
      try do
        System.cmd("ledger-no-such-command", [])
      rescue
        error in ErlangError -> error.original == :enoent
      end
    end)
  end

  defp journal do
    dir = Application.fetch_env!(:ledger, :data_dir)
    copy = Path.join(dir, "copy.dets")

    check("journal: a copy verifies", fn ->
      :ok = Journal.sync()
      File.cp!(Journal.file(dir), copy)
      Journal.verify(copy) == {:ok, Journal.count()}
    end)

    check("journal: an altered page shows", fn ->
      {:ok, table} = :dets.open_file(:altered, file: to_charlist(copy))
      [{3, transaction, digest}] = :dets.lookup(table, 3)
      :ok = :dets.insert(table, {3, %{transaction | text: "Opening balance Eve"}, digest})
      :ok = :dets.close(table)
      Journal.verify(copy) == {:bad_page, 3}
    end)

    check("journal: replayed, it gives the balances", fn ->
      File.cp!(Journal.file(dir), copy)
      {:ok, table} = :dets.open_file(:replay, file: to_charlist(copy))

      replayed =
        :dets.foldl(
          fn {_, transaction, _}, sums -> Enum.reduce(transaction.postings, sums, &add/2) end,
          %{},
          table
        )

      :ok = :dets.close(table)
      replayed == Map.new(Store.accounts(), &{&1, Ledger.balance(&1)})
    end)
  end

  defp add(posting, sums) do
    Map.update(sums, posting.account, posting.amount, &Money.add(&1, posting.amount))
  end

  defp catch_exit(fun) do
    fun.()
    :no_exit
  catch
    :exit, reason -> reason
  end

  # True once `fun` is; false after five seconds.
  defp wait_until(fun, tries \\ 500) do
    cond do
      fun.() -> true
      tries == 0 -> false
      true -> Process.sleep(10) && wait_until(fun, tries - 1)
    end
  end
end
