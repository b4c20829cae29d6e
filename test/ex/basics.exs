# SPDX-License-Identifier: Apache-2.0
# Values, pattern matching, comprehensions, strings, structs, protocols, exceptions.
defmodule Shape do
  defstruct kind: :circle, size: 1
end

defprotocol Area do
  def of(shape)
end

defimpl Area, for: Shape do
  def of(%{kind: :circle, size: r}), do: Float.round(3.14159 * r * r, 3)
  def of(%{kind: :square, size: a}), do: a * a
end

defmodule Tree do
  def put(nil, k, v), do: {k, v, nil, nil}
  def put({k, _, l, r}, k, v), do: {k, v, l, r}
  def put({k0, v0, l, r}, k, v) when k < k0, do: {k0, v0, put(l, k, v), r}
  def put({k0, v0, l, r}, k, v), do: {k0, v0, l, put(r, k, v)}
  def to_list(nil), do: []
  def to_list({k, v, l, r}), do: to_list(l) ++ [{k, v}] ++ to_list(r)
end

IO.inspect(for k <- [:circle, :square], do: Area.of(struct(Shape, kind: k, size: 3)))
IO.inspect(Enum.reduce([3, 1, 2, 5, 4], nil, &Tree.put(&2, &1, &1 * &1)) |> Tree.to_list())
IO.inspect(for x <- 1..4, y <- x..4, x * y > 5, into: %{}, do: {{x, y}, x * y})
IO.inspect(for <<r::8, g::8, b::8 <- <<1, 2, 3, 4, 5, 6>> >>, do: {r, g, b})
IO.inspect(String.split("The quick  brown fox", ~r/\s+/) |> Enum.map(&String.reverse/1))
IO.inspect({String.upcase("éa"), String.graphemes("e\u0301a"), String.jaro_distance("Dwayne", "Duane")})
IO.inspect(Enum.chunk_by(1..10, &div(&1, 4)))
IO.inspect(Enum.group_by(~w(apple avocado bean cherry), &String.first/1))
IO.inspect(Stream.iterate(1, &(&1 * 2)) |> Stream.reject(&(rem(&1, 3) == 1)) |> Enum.take(5))
IO.inspect(%{a: [1, %{b: 2}]} |> get_in([:a, Access.at(1), :b]))
IO.inspect(update_in(%{a: %{b: 1}}, [:a, :b], &(&1 + 1)))
IO.inspect(Regex.named_captures(~r/(?<y>\d+)-(?<m>\d+)/, "2026-11"))
IO.inspect({Date.add(~D[2024-02-28], 2), Time.diff(~T[10:00:00], ~T[09:30:00]), DateTime.to_iso8601(~U[2026-11-20 20:00:00Z])})
IO.inspect({Integer.digits(1234), Integer.to_string(255, 16), Float.to_string(0.1), Integer.pow(3, 100)})
IO.inspect(MapSet.new([3, 1, 2]) |> MapSet.union(MapSet.new([4])) |> Enum.sort())
IO.inspect(Keyword.merge([a: 1, b: 2], b: 3, c: 4))
IO.inspect(with {:ok, a} <- {:ok, 1}, {:error, b} <- {:ok, 2}, do: {a, b})

for f <- [
      fn -> raise ArgumentError, "bad" end,
      fn -> struct(Shape).nope end,
      fn -> Map.fetch!(%{}, :k) end,
      fn -> :erlang.hd([]) end,
      fn -> String.to_integer("x") end,
      fn -> throw(:ball) end,
      fn -> exit(:gone) end,
      fn -> Enum.fetch!([1], 5) end,
      fn -> Tree.put(1, 2, 3) end
    ] do
  try do
    f.()
  rescue
    e -> IO.puts("#{inspect(e.__struct__)}: #{Exception.message(e)}")
  catch
    kind, reason -> IO.inspect({kind, reason})
  end
end

IO.puts(inspect(struct(Shape, size: [1, 2]), pretty: true, width: 20))
IO.inspect(Code.eval_string("x = 2; Enum.map(1..3, &(&1 * x))") |> elem(0))
