BIF(lists, member, 2, 0)
{
}
  BIF(not, here, 1, 0)
BIF_NAMED(erlang, "++", append, 2, GUARD | DIRTY_CPU)
