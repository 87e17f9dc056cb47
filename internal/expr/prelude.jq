# The functions of jq that are written in jq, as gojq defines them (MIT licence,
# (c) itchyny), over the natives that pay for themselves. Where a definition
# differs, a comment says why. The functions of cost.go come before these.

def path(f): _native_path(f) | _pay("_path");

def setpath(p; v): v as $v | p as $p | _setpath($p; $v);
def delpaths($p): _delpaths($p);

def range($end): range(0; $end; 1);
def range($start; $end): range($start; $end; 1);

def min_by(f): [.[] | [f]] as $k | _pay("_by"; $k) | _min_by($k);
def max_by(f): [.[] | [f]] as $k | _pay("_by"; $k) | _max_by($k);
def sort_by(f): [.[] | [f]] as $k | _pay("_by"; $k) | _sort_by($k);
def group_by(f): [.[] | [f]] as $k | _pay("_by"; $k) | _group_by($k);
def unique_by(f): [.[] | [f]] as $k | _pay("_by"; $k) | _unique_by($k);

def map(f): [.[] | f];
def add(f): [f] | add;
def in(xs): . as $x | xs | has($x);
def abs: if . < 0 then -. else . end;
def not: if . then false else true end;
def select(f): if f then . else empty end;

def recurse(f): def r: ., (f | r); r;
def recurse: recurse(.[]?);
def recurse(f; cond): def r: ., (f | select(cond) | r); r;

def while(cond; update):
  def _while: if cond then ., (update | _while) else empty end;
  _while;
def until(cond; next):
  def _until: if cond then . else next | _until end;
  _until;
def repeat(f):
  def _repeat: f, _repeat;
  _repeat;

def arrays: select(type == "array");
def objects: select(type == "object");
def iterables: select(type | . == "array" or . == "object");
def booleans: select(type == "boolean");
def numbers: select(type == "number");
def finites: select(isfinite);
def normals: select(isnormal);
def strings: select(type == "string");
def nulls: select(. == null);
def values: select(. != null);
def scalars: select(type | . != "array" and . != "object");

def first: .[0];
def first(g): label $out | g | ., break $out;
def last: .[-1];
def last(g): _last(g);
def isempty(g): label $out | (g | false, break $out), true;
def all(g; y): isempty(g | select(y | not));
def all(y): all(.[]; y);
def all: all(.);
def any(g; y): isempty(g | select(y)) | not;
def any(y): any(.[]; y);
def any: any(.);
def IN(s): any(s == .; .);
def IN(src; s): any(src == s; .);

def limit($n; g):
  if $n > 0 then
    label $out |
    foreach g as $item (
      $n;
      . - 1;
      $item, if . <= 0 then break $out else empty end
    )
  elif $n == 0 then
    empty
  else
    error("limit doesn't support negative count")
  end;
def skip($n; g):
  if $n > 0 then
    foreach g as $item (
      $n;
      . - 1;
      if . < 0 then $item else empty end
    )
  elif $n == 0 then
    g
  else
    error("skip doesn't support negative count")
  end;
def nth($n): .[$n];
def nth($n; g):
  if $n >= 0 then
    first(skip($n; g))
  else
    error("nth doesn't support negative index")
  end;

# The changes of edit.go. The right side of = is taken for each of its results,
# that of |= for its first.
def _assign(p; $x): _edit as $e | reduce path(p) as $q (null; _store($e; $q; $x)) | _finish($e);
def _modify(p; f):
  _edit as $e
  | reduce path(p) as $q (null; first((_fetch($e; $q) | f | _store($e; $q; .)), _drop($e; $q)))
  | _finish($e);

def map_values(f): .[] |= f;
def to_entries: [keys[] as $k | {key: $k, value: .[$k]}];
def from_entries: map({ (.key // .Key // .name // .Name):
  if has("value") then .value else .Value end }) | add // {};
def with_entries(f): to_entries | map(f) | from_entries;

def combinations:
  if length == 0 then
    []
  else
    .[0][] as $x | [$x] + (.[1:] | combinations)
  end;
def combinations(n): [limit(n; repeat(.))] | combinations;

def walk(f):
  def _walk:
    if type == "array" then
      map(_walk)
    elif type == "object" then
      map_values(_walk)
    end | f;
  _walk;

def truncate_stream(f):
  . as $n | null | f |
  if .[0] | length > $n then .[0] |= .[$n:] else empty end;
def fromstream(f):
  foreach f as $pv (
    null;
    if .e then null end |
    $pv as [$p, $v] |
    if $pv | length == 2 then
      setpath(["v"] + $p; $v) |
      setpath(["e"]; $p | length == 0)
    else
      setpath(["e"]; $p | length == 1)
    end;
    if .e then .v else empty end
  );
def tostream:
  path(def r: (.[]? | r), .; r) as $p |
  getpath($p) |
  reduce path(.[]?) as $q ([$p, .]; [$p + $q]);

def del(f): delpaths([path(f)]);
def paths: path(..) | select(. != []);
def paths(f): path(.. | select(f)) | select(. != []);
def pick(f): . as $v |
  reduce path(f) as $p (null; setpath($p; $v | getpath($p)));

def fromdateiso8601: strptime("%Y-%m-%dT%H:%M:%S%z") | mktime;
def todateiso8601: strftime("%Y-%m-%dT%H:%M:%SZ");
def fromdate: fromdateiso8601;
def todate: todateiso8601;

def match($re; $flags): _find($re; $flags; false)[];
def match($re):
  if $re | type == "array" then match($re[0]; $re[1]) else match($re; null) end;
def test($re; $flags): _find($re; $flags; true);
def test($re):
  if $re | type == "array" then test($re[0]; $re[1]) else test($re; null) end;
def _named: .captures | _captures;
def capture($re; $flags): match($re; $flags) | _named;
def capture($re):
  if $re | type == "array" then capture($re[0]; $re[1]) else capture($re; null) end;
def scan($re; $flags):
  match($re; $flags + "g") |
  if .captures == [] then
    .string
  else
    [.captures[].string]
  end;
def scan($re): scan($re; null);
def splits($re; $flags): [match($re; $flags + "g")] as $matches | _cut($matches)[];
def splits($re): splits($re; null);
def split($sep): _split($sep);
def split($re; $flags): [splits($re; $flags)];

# gojq grows the result match by match, in quadratic time; _splice makes it once.
# So does _cut for splits, which gojq takes slices for.
def sub($re; str; $flags):
  [match($re; $flags)] as $matches
  | _splice($matches; [$matches[] | [_named | str]])[];
def sub($re; str): sub($re; str; null);
def gsub($re; str; $flags): sub($re; str; $flags + "g");
def gsub($re; str): sub($re; str; "g");

def INDEX(stream; idx_expr):
  reduce stream as $row ({}; .[$row | idx_expr | tostring] = $row);
def INDEX(idx_expr):
  INDEX(.[]; idx_expr);
def JOIN($idx; idx_expr):
  [.[] | [., $idx[idx_expr]]];
def JOIN($idx; stream; idx_expr):
  stream | [., $idx[idx_expr]];
def JOIN($idx; stream; idx_expr; join_expr):
  stream | [., $idx[idx_expr]] | join_expr;
