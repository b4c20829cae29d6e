/* am_in_comment is not taken */
static const char *s = "am_in_string";
// nor is am_in_line_comment
term_t g(void) { return am_true, am_Plus, xam_no, am_, am_ok; }
BIF(erlang, self, 0, 0)
{
}
BIF_NAMED(erlang, "+", plus, 2, GUARD)
BIF_NAMED(erlang, "=:=", exact, 2, GUARD)
int later(void) { return am_badarg == am_ok; }
