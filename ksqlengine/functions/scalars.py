"""Scalar functions."""

from __future__ import annotations

from ksqlengine.errors import KsqlError
from ksqlengine.functions.registry import MOMENTS, SCALARS, return_rule, show
from ksqlengine.types import BIGINT, BOOLEAN, DOUBLE, INTEGER, STRING, SqlType, array, decimal


@return_rule("first")
def first(args: list[SqlType]) -> SqlType:
    """Return the type of the first argument."""
    return args[0]


@return_rule("whole_decimal")
def whole_decimal(args: list[SqlType]) -> SqlType:
    """Return the decimal of the first argument without its digits behind the point."""
    return decimal(max(args[0].precision - args[0].scale, 1), 0)


@return_rule("element")
def element(args: list[SqlType]) -> SqlType:
    """Return the element type of the first argument, an array."""
    return args[0].element or args[0]


@return_rule("greatest")
def greatest(args: list[SqlType]) -> SqlType:
    """Return the type of GREATEST."""
    return extreme("greatest", args)


@return_rule("least")
def least(args: list[SqlType]) -> SqlType:
    """Return the type of LEAST."""
    return extreme("least", args)


def extreme(name: str, args: list[SqlType]) -> SqlType:
    """Return the type that holds any of the arguments: the widest number, else their one type."""
    known = [a for a in args if a.base != "NULL"]
    moments = [a for a in known if a.base in MOMENTS]
    if moments:
        return moments[0]
    kinds = {a.base for a in known}
    if len(kinds) <= 1:
        if kinds != {"DECIMAL"}:
            return known[0] if known else SqlType("NULL")
        scale = max(a.scale for a in known)
        return decimal(max(a.precision - a.scale for a in known) + scale, scale)
    if "DOUBLE" in kinds:
        return DOUBLE
    # ksqlDB has an overload for each kind of number, and several of them take such a mixture
    raise KsqlError(f"Function '{name}' cannot be resolved due to ambiguous method parameters {show(args)}.")


@return_rule("entries")
def entries(args: list[SqlType]) -> SqlType:
    """Return an array of structs K and V for a map."""
    value = args[0].element
    if value not in (INTEGER, BIGINT, DOUBLE, BOOLEAN, STRING):
        raise KsqlError(f"Function 'entries' does not accept parameters {show(args)}.")
    return array(SqlType("STRUCT", fields=(("K", STRING), ("V", value))))


SCALARS.add("""
# any type
AS_VALUE(T) -> T : Values.asValue
IFNULL(T, T) -> T : Values.ifNull
COALESCE(T, T...) -> T : Values.coalesce
NULLIF(T, T) -> T : Values.nullIf

# text
LEN(STRING) -> INTEGER : Strings.len
UCASE(STRING) -> STRING : Strings.ucase
LCASE(STRING) -> STRING : Strings.lcase
TRIM(STRING) -> STRING : Strings.trim
INITCAP(STRING) -> STRING : Strings.initcap
CONCAT(STRING, STRING...) -> STRING : Strings.concat
CONCAT_WS(STRING, STRING, STRING...) -> STRING : Strings.concatWs
SUBSTRING(STRING, INTEGER) -> STRING : Strings.substring
SUBSTRING(STRING, INTEGER, INTEGER) -> STRING : Strings.substring
INSTR(STRING, STRING) -> INTEGER : Strings.instr
INSTR(STRING, STRING, INTEGER) -> INTEGER : Strings.instr
INSTR(STRING, STRING, INTEGER, INTEGER) -> INTEGER : Strings.instr
REPLACE(STRING, STRING, STRING) -> STRING : Strings.replace
LPAD(STRING, INTEGER, STRING) -> STRING : Strings.lpad
RPAD(STRING, INTEGER, STRING) -> STRING : Strings.rpad
CHR(INTEGER) -> STRING : Strings.chr
CHR(STRING) -> STRING : Strings.chr
SPLIT(STRING, STRING) -> ARRAY<STRING> : Strings.split
SPLIT_TO_MAP(STRING, STRING, STRING) -> MAP<STRING, STRING> : Strings.splitToMap
UUID() -> STRING : Strings.uuid
UUID(BYTES) -> STRING : Strings.uuid
ELT(INTEGER, STRING, STRING...) -> STRING : Strings.elt
FIELD(STRING, STRING, STRING...) -> INTEGER : Strings.field
MASK(STRING) -> STRING : Masks.mask
MASK(STRING, STRING, STRING, STRING, STRING) -> STRING : Masks.mask
MASK_LEFT(STRING, INTEGER) -> STRING : Masks.left
MASK_LEFT(STRING, INTEGER, STRING, STRING, STRING, STRING) -> STRING : Masks.left
MASK_RIGHT(STRING, INTEGER) -> STRING : Masks.right
MASK_RIGHT(STRING, INTEGER, STRING, STRING, STRING, STRING) -> STRING : Masks.right
MASK_KEEP_LEFT(STRING, INTEGER) -> STRING : Masks.keepLeft
MASK_KEEP_LEFT(STRING, INTEGER, STRING, STRING, STRING, STRING) -> STRING : Masks.keepLeft
MASK_KEEP_RIGHT(STRING, INTEGER) -> STRING : Masks.keepRight
MASK_KEEP_RIGHT(STRING, INTEGER, STRING, STRING, STRING, STRING) -> STRING : Masks.keepRight
REGEXP_EXTRACT(STRING, STRING) -> STRING : Regexps.extract
REGEXP_EXTRACT(STRING, STRING, INTEGER) -> STRING : Regexps.extract
REGEXP_EXTRACT_ALL(STRING, STRING) -> ARRAY<STRING> : Regexps.extractAll
REGEXP_EXTRACT_ALL(STRING, STRING, INTEGER) -> ARRAY<STRING> : Regexps.extractAll
REGEXP_REPLACE(STRING, STRING, STRING) -> STRING : Regexps.replace
REGEXP_SPLIT_TO_ARRAY(STRING, STRING) -> ARRAY<STRING> : Regexps.split

# bytes and encodings
LEN(BYTES) -> INTEGER : Bytes.len
CONCAT(BYTES, BYTES...) -> BYTES : Bytes.concat
CONCAT_WS(BYTES, BYTES, BYTES...) -> BYTES : Bytes.concatWs
SUBSTRING(BYTES, INTEGER) -> BYTES : Bytes.substring
SUBSTRING(BYTES, INTEGER, INTEGER) -> BYTES : Bytes.substring
LPAD(BYTES, INTEGER, BYTES) -> BYTES : Bytes.lpad
RPAD(BYTES, INTEGER, BYTES) -> BYTES : Bytes.rpad
SPLIT(BYTES, BYTES) -> ARRAY<BYTES> : Bytes.split
ENCODE(STRING, STRING, STRING) -> STRING : Bytes.encode
TO_BYTES(STRING, STRING) -> BYTES : Bytes.toBytes
FROM_BYTES(BYTES, STRING) -> STRING : Bytes.fromBytes
INT_FROM_BYTES(BYTES) -> INTEGER : Bytes.intFrom
INT_FROM_BYTES(BYTES, STRING) -> INTEGER : Bytes.intFrom
BIGINT_FROM_BYTES(BYTES) -> BIGINT : Bytes.bigintFrom
BIGINT_FROM_BYTES(BYTES, STRING) -> BIGINT : Bytes.bigintFrom
DOUBLE_FROM_BYTES(BYTES) -> DOUBLE : Bytes.doubleFrom
DOUBLE_FROM_BYTES(BYTES, STRING) -> DOUBLE : Bytes.doubleFrom

# JSON in text
EXTRACTJSONFIELD(STRING, STRING) -> STRING : Jsons.extract
IS_JSON_STRING(STRING) -> BOOLEAN : Jsons.isJson
JSON_ARRAY_LENGTH(STRING) -> INTEGER : Jsons.arrayLength
JSON_ARRAY_CONTAINS(STRING, ANY) -> BOOLEAN : Jsons.arrayContains
JSON_KEYS(STRING) -> ARRAY<STRING> : Jsons.keys
JSON_RECORDS(STRING) -> MAP<STRING, STRING> : Jsons.records
JSON_ITEMS(STRING) -> ARRAY<STRING> : Jsons.items
JSON_CONCAT(STRING...) -> STRING : Jsons.concat
TO_JSON_STRING(ANY) -> STRING : Jsons.toJson

# numbers
ABS(INTEGER) -> INTEGER : Numbers.abs
ABS(BIGINT) -> BIGINT : Numbers.abs
ABS(DECIMAL) -> @first : Numbers.abs
ABS(DOUBLE) -> DOUBLE : Numbers.abs
CEIL(INTEGER) -> INTEGER : Numbers.same
CEIL(BIGINT) -> BIGINT : Numbers.same
CEIL(DECIMAL) -> @first : Numbers.ceil
CEIL(DOUBLE) -> DOUBLE : Numbers.ceil
FLOOR(INTEGER) -> INTEGER : Numbers.same
FLOOR(BIGINT) -> BIGINT : Numbers.same
FLOOR(DECIMAL) -> @first : Numbers.floor
FLOOR(DOUBLE) -> DOUBLE : Numbers.floor
ROUND(INTEGER) -> INTEGER : Numbers.same
ROUND(BIGINT) -> BIGINT : Numbers.same
ROUND(DOUBLE) -> BIGINT : Numbers.round
ROUND(DOUBLE, INTEGER) -> DOUBLE : Numbers.round
ROUND(DECIMAL) -> @whole_decimal : Numbers.round
ROUND(DECIMAL, INTEGER) -> @first : Numbers.roundKeep
TRUNC(INTEGER) -> INTEGER : Numbers.same
TRUNC(BIGINT) -> BIGINT : Numbers.same
TRUNC(DOUBLE) -> BIGINT : Numbers.trunc
TRUNC(DOUBLE, INTEGER) -> DOUBLE : Numbers.trunc
TRUNC(DECIMAL) -> @whole_decimal : Numbers.trunc
TRUNC(DECIMAL, INTEGER) -> @first : Numbers.truncKeep
ACOS(DOUBLE) -> DOUBLE : Numbers.acos
ASIN(DOUBLE) -> DOUBLE : Numbers.asin
ATAN(DOUBLE) -> DOUBLE : Numbers.atan
ATAN2(DOUBLE, DOUBLE) -> DOUBLE : Numbers.atan2
CBRT(DOUBLE) -> DOUBLE : Numbers.cbrt
COS(DOUBLE) -> DOUBLE : Numbers.cos
COSH(DOUBLE) -> DOUBLE : Numbers.cosh
COT(DOUBLE) -> DOUBLE : Numbers.cot
DEGREES(DOUBLE) -> DOUBLE : Numbers.degrees
EXP(DOUBLE) -> DOUBLE : Numbers.exp
LN(DOUBLE) -> DOUBLE : Numbers.ln
LOG(DOUBLE) -> DOUBLE : Numbers.ln
LOG(DOUBLE, DOUBLE) -> DOUBLE : Numbers.log
PI() -> DOUBLE : Numbers.pi
POWER(DOUBLE, DOUBLE) -> DOUBLE : Numbers.power
RADIANS(DOUBLE) -> DOUBLE : Numbers.radians
RANDOM() -> DOUBLE : Numbers.random
SIGN(DOUBLE) -> INTEGER : Numbers.sign
SIN(DOUBLE) -> DOUBLE : Numbers.sin
SINH(DOUBLE) -> DOUBLE : Numbers.sinh
SQRT(DOUBLE) -> DOUBLE : Numbers.sqrt
TAN(DOUBLE) -> DOUBLE : Numbers.tan
TANH(DOUBLE) -> DOUBLE : Numbers.tanh
GREATEST(T, T...) -> @greatest : Numbers.greatest typed
LEAST(T, T...) -> @least : Numbers.least typed
GENERATE_SERIES(INTEGER, INTEGER) -> ARRAY<INTEGER> : Numbers.series
GENERATE_SERIES(INTEGER, INTEGER, INTEGER) -> ARRAY<INTEGER> : Numbers.series
GENERATE_SERIES(BIGINT, BIGINT) -> ARRAY<BIGINT> : Numbers.series
GENERATE_SERIES(BIGINT, BIGINT, INTEGER) -> ARRAY<BIGINT> : Numbers.series
GEO_DISTANCE(DOUBLE, DOUBLE, DOUBLE, DOUBLE) -> DOUBLE : Numbers.geoDistance
GEO_DISTANCE(DOUBLE, DOUBLE, DOUBLE, DOUBLE, STRING) -> DOUBLE : Numbers.geoDistance

# arrays and maps
ARRAY_LENGTH(ARRAY<T>) -> INTEGER : Collections.length
ARRAY_CONCAT(ARRAY<T>, ARRAY<T>) -> ARRAY<T> : Collections.concat
ARRAY_CONTAINS(ARRAY<T>, T) -> BOOLEAN : Collections.contains
ARRAY_DISTINCT(ARRAY<T>) -> ARRAY<T> : Collections.distinct
ARRAY_EXCEPT(ARRAY<T>, ARRAY<T>) -> ARRAY<T> : Collections.except
ARRAY_INTERSECT(ARRAY<T>, ARRAY<T>) -> ARRAY<T> : Collections.intersect
ARRAY_UNION(ARRAY<T>, ARRAY<T>) -> ARRAY<T> : Collections.union
ARRAY_REMOVE(ARRAY<T>, T) -> ARRAY<T> : Collections.remove
ARRAY_JOIN(ARRAY<T>) -> STRING : Collections.join
ARRAY_JOIN(ARRAY<T>, STRING) -> STRING : Collections.join
ARRAY_MAX(ARRAY<T>) -> T : Collections.max
ARRAY_MIN(ARRAY<T>) -> T : Collections.min
ARRAY_SORT(ARRAY<T>) -> ARRAY<T> : Collections.sort
ARRAY_SORT(ARRAY<T>, STRING) -> ARRAY<T> : Collections.sort
SLICE(ARRAY<T>, INTEGER, INTEGER) -> ARRAY<T> : Collections.slice
AS_MAP(ARRAY<STRING>, ARRAY<T>) -> MAP<STRING, T> : Collections.asMap
MAP_KEYS(MAP<K, V>) -> ARRAY<K> : Collections.keys
MAP_VALUES(MAP<K, V>) -> ARRAY<V> : Collections.values
MAP_UNION(MAP<K, V>, MAP<K, V>) -> MAP<K, V> : Collections.union
ENTRIES(MAP<STRING, V>, BOOLEAN) -> @entries : Collections.entries typed

# with lambdas
FILTER(ARRAY<T>, LAMBDA(T)->BOOLEAN) -> ARRAY<T> : Collections.filter
FILTER(MAP<K, V>, LAMBDA(K, V)->BOOLEAN) -> MAP<K, V> : Collections.filter
TRANSFORM(ARRAY<T>, LAMBDA(T)->R) -> ARRAY<R> : Collections.transform
TRANSFORM(MAP<K, V>, LAMBDA(K, V)->R, LAMBDA(K, V)->S) -> MAP<R, S> : Collections.transform
REDUCE(ARRAY<T>, S, LAMBDA(S, T)->S) -> S : Collections.reduce
REDUCE(MAP<K, V>, S, LAMBDA(S, K, V)->S) -> S : Collections.reduce

# URLs
URL_ENCODE_PARAM(STRING) -> STRING : Urls.encode
URL_DECODE_PARAM(STRING) -> STRING : Urls.decode
URL_EXTRACT_FRAGMENT(STRING) -> STRING : Urls.fragment
URL_EXTRACT_HOST(STRING) -> STRING : Urls.host
URL_EXTRACT_PARAMETER(STRING, STRING) -> STRING : Urls.parameter
URL_EXTRACT_PATH(STRING) -> STRING : Urls.path
URL_EXTRACT_PORT(STRING) -> INTEGER : Urls.port
URL_EXTRACT_PROTOCOL(STRING) -> STRING : Urls.protocol
URL_EXTRACT_QUERY(STRING) -> STRING : Urls.query

# dates and times
FORMAT_TIMESTAMP(TIMESTAMP, STRING) -> STRING : Dates.formatTimestamp
FORMAT_TIMESTAMP(TIMESTAMP, STRING, STRING) -> STRING : Dates.formatTimestamp
PARSE_TIMESTAMP(STRING, STRING) -> TIMESTAMP : Dates.parseTimestamp
PARSE_TIMESTAMP(STRING, STRING, STRING) -> TIMESTAMP : Dates.parseTimestamp
TIMESTAMPTOSTRING(BIGINT, STRING) -> STRING : Dates.timestampToString
TIMESTAMPTOSTRING(BIGINT, STRING, STRING) -> STRING : Dates.timestampToString
STRINGTOTIMESTAMP(STRING, STRING) -> BIGINT : Dates.stringToTimestamp
STRINGTOTIMESTAMP(STRING, STRING, STRING) -> BIGINT : Dates.stringToTimestamp
FORMAT_DATE(DATE, STRING) -> STRING : Dates.formatDate
PARSE_DATE(STRING, STRING) -> DATE : Dates.parseDate
DATETOSTRING(INTEGER, STRING) -> STRING : Dates.dateToString
STRINGTODATE(STRING, STRING) -> INTEGER : Dates.stringToDate
FORMAT_TIME(TIME, STRING) -> STRING : Dates.formatTime
PARSE_TIME(STRING, STRING) -> TIME : Dates.parseTime
FROM_DAYS(INTEGER) -> DATE : Dates.fromDays
FROM_UNIXTIME(BIGINT) -> TIMESTAMP : Dates.fromUnix
UNIX_DATE() -> INTEGER : Dates.unixDate
UNIX_DATE(DATE) -> INTEGER : Dates.unixDate
UNIX_TIMESTAMP() -> BIGINT : Dates.unixTimestamp
UNIX_TIMESTAMP(TIMESTAMP) -> BIGINT : Dates.unixTimestamp
CONVERT_TZ(TIMESTAMP, STRING, STRING) -> TIMESTAMP : Dates.convertZone
DATEADD(UNIT, INTEGER, DATE) -> DATE : Dates.addDate
DATESUB(UNIT, INTEGER, DATE) -> DATE : Dates.subDate
TIMEADD(UNIT, INTEGER, TIME) -> TIME : Dates.addTime
TIMESUB(UNIT, INTEGER, TIME) -> TIME : Dates.subTime
TIMESTAMPADD(UNIT, INTEGER, TIMESTAMP) -> TIMESTAMP : Dates.addTimestamp
TIMESTAMPSUB(UNIT, INTEGER, TIMESTAMP) -> TIMESTAMP : Dates.subTimestamp
""")
