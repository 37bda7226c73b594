"""Scalar functions."""

from __future__ import annotations

from ksqlengine.errors import KsqlError
from ksqlengine.functions.registry import MOMENTS, SCALARS, return_rule, show
from ksqlengine.types import BIGINT, BOOLEAN, DOUBLE, INTEGER, STRING, SqlType, array, as_decimal, decimal


@return_rule("first")
def first(args: list[SqlType]) -> SqlType:
    """Return the type of the first argument; a whole number that was taken as a decimal is one then."""
    return as_decimal(args[0])


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
    if kinds & {"ARRAY", "MAP", "STRUCT", "BOOLEAN"}:
        raise KsqlError(f"Function '{name}' does not accept parameters {show(args)}.")
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
AS_VALUE(T keyColumn) -> T : Values.asValue
IFNULL(T expression, T altValue) -> T : Values.ifNull
COALESCE(T first, T... others) -> T : Values.coalesce
NULLIF(T expr1, T expr2) -> T : Values.nullIf

# text
LEN(STRING input) -> INTEGER : Strings.len
UCASE(STRING text) -> STRING : Strings.ucase
LCASE(STRING text) -> STRING : Strings.lcase
TRIM(STRING input) -> STRING : Strings.trim
INITCAP(STRING str) -> STRING : Strings.initcap
CONCAT(STRING first, STRING... others) -> STRING : Strings.concat
CONCAT_WS(STRING separator, STRING first, STRING... others) -> STRING : Strings.concatWs
SUBSTRING(STRING str, INTEGER pos) -> STRING : Strings.substring
SUBSTRING(STRING str, INTEGER pos, INTEGER length) -> STRING : Strings.substring
INSTR(STRING str, STRING substring) -> INTEGER : Strings.instr
INSTR(STRING str, STRING substring, INTEGER pos) -> INTEGER : Strings.instr
INSTR(STRING str, STRING substring, INTEGER pos, INTEGER occurrence) -> INTEGER : Strings.instr
REPLACE(STRING str, STRING oldStr, STRING newStr) -> STRING : Strings.replace
LPAD(STRING input, INTEGER targetLen, STRING padding) -> STRING : Strings.lpad
RPAD(STRING input, INTEGER targetLen, STRING padding) -> STRING : Strings.rpad
CHR(INTEGER decimalCode) -> STRING : Strings.chr
CHR(STRING utf16Code) -> STRING : Strings.chr
SPLIT(STRING str, STRING delimiter) -> ARRAY<STRING> : Strings.split
SPLIT_TO_MAP(STRING input, STRING entryDelimiter, STRING kvDelimiter) -> MAP<STRING, STRING> : Strings.splitToMap
UUID() -> STRING : Strings.uuid
UUID(BYTES bytes) -> STRING : Strings.uuid
ELT(INTEGER pos, STRING first, STRING... others) -> STRING : Strings.elt
FIELD(STRING str, STRING first, STRING... others) -> INTEGER : Strings.field
MASK(STRING input) -> STRING : Masks.mask
MASK(STRING input, STRING upper, STRING lower, STRING digit, STRING other) -> STRING : Masks.mask
MASK_LEFT(STRING input, INTEGER n) -> STRING : Masks.left
MASK_LEFT(STRING input, INTEGER n, STRING upper, STRING lower, STRING digit, STRING other) -> STRING : Masks.left
MASK_RIGHT(STRING input, INTEGER n) -> STRING : Masks.right
MASK_RIGHT(STRING input, INTEGER n, STRING upper, STRING lower, STRING digit, STRING other) -> STRING : Masks.right
MASK_KEEP_LEFT(STRING input, INTEGER n) -> STRING : Masks.keepLeft
MASK_KEEP_LEFT(STRING input, INTEGER n, STRING upper, STRING lower, STRING digit, STRING other)
  -> STRING : Masks.keepLeft
MASK_KEEP_RIGHT(STRING input, INTEGER n) -> STRING : Masks.keepRight
MASK_KEEP_RIGHT(STRING input, INTEGER n, STRING upper, STRING lower, STRING digit, STRING other)
  -> STRING : Masks.keepRight
REGEXP_EXTRACT(STRING pattern, STRING input) -> STRING : Regexps.extract
REGEXP_EXTRACT(STRING pattern, STRING input, INTEGER group) -> STRING : Regexps.extract
REGEXP_EXTRACT_ALL(STRING pattern, STRING input) -> ARRAY<STRING> : Regexps.extractAll
REGEXP_EXTRACT_ALL(STRING pattern, STRING input, INTEGER group) -> ARRAY<STRING> : Regexps.extractAll
REGEXP_REPLACE(STRING str, STRING regexp, STRING newStr) -> STRING : Regexps.replace
REGEXP_SPLIT_TO_ARRAY(STRING string, STRING regexp) -> ARRAY<STRING> : Regexps.split

# bytes and encodings
LEN(BYTES input) -> INTEGER : Bytes.len
CONCAT(BYTES first, BYTES... others) -> BYTES : Bytes.concat
CONCAT_WS(BYTES separator, BYTES first, BYTES... others) -> BYTES : Bytes.concatWs
SUBSTRING(BYTES str, INTEGER pos) -> BYTES : Bytes.substring
SUBSTRING(BYTES str, INTEGER pos, INTEGER length) -> BYTES : Bytes.substring
LPAD(BYTES input, INTEGER targetLen, BYTES padding) -> BYTES : Bytes.lpad
RPAD(BYTES input, INTEGER targetLen, BYTES padding) -> BYTES : Bytes.rpad
SPLIT(BYTES str, BYTES delimiter) -> ARRAY<BYTES> : Bytes.split
ENCODE(STRING str, STRING inputEncoding, STRING outputEncoding) -> STRING : Bytes.encode
TO_BYTES(STRING value, STRING encoding) -> BYTES : Bytes.toBytes
FROM_BYTES(BYTES value, STRING encoding) -> STRING : Bytes.fromBytes
INT_FROM_BYTES(BYTES value) -> INTEGER : Bytes.intFrom
INT_FROM_BYTES(BYTES value, STRING byteOrder) -> INTEGER : Bytes.intFrom
BIGINT_FROM_BYTES(BYTES value) -> BIGINT : Bytes.bigintFrom
BIGINT_FROM_BYTES(BYTES value, STRING byteOrder) -> BIGINT : Bytes.bigintFrom
DOUBLE_FROM_BYTES(BYTES value) -> DOUBLE : Bytes.doubleFrom
DOUBLE_FROM_BYTES(BYTES value, STRING byteOrder) -> DOUBLE : Bytes.doubleFrom

# JSON in text
EXTRACTJSONFIELD(STRING input, STRING path) -> STRING : Jsons.extract
IS_JSON_STRING(STRING input) -> BOOLEAN : Jsons.isJson
JSON_ARRAY_LENGTH(STRING jsonArray) -> INTEGER : Jsons.arrayLength
JSON_ARRAY_CONTAINS(STRING json, ANY val) -> BOOLEAN : Jsons.arrayContains
JSON_KEYS(STRING jsonObj) -> ARRAY<STRING> : Jsons.keys
JSON_RECORDS(STRING jsonObj) -> MAP<STRING, STRING> : Jsons.records
JSON_ITEMS(STRING jsonItems) -> ARRAY<STRING> : Jsons.items
JSON_CONCAT(STRING... jsonStrings) -> STRING : Jsons.concat
TO_JSON_STRING(ANY val) -> STRING : Jsons.toJson

# numbers
ABS(INTEGER val) -> INTEGER : Numbers.abs
ABS(BIGINT val) -> BIGINT : Numbers.abs
ABS(DECIMAL val) -> @first : Numbers.abs
ABS(DOUBLE val) -> DOUBLE : Numbers.abs
CEIL(INTEGER val) -> INTEGER : Numbers.same
CEIL(BIGINT val) -> BIGINT : Numbers.same
CEIL(DECIMAL val) -> @first : Numbers.ceil
CEIL(DOUBLE val) -> DOUBLE : Numbers.ceil
FLOOR(INTEGER val) -> INTEGER : Numbers.same
FLOOR(BIGINT val) -> BIGINT : Numbers.same
FLOOR(DECIMAL val) -> @first : Numbers.floor
FLOOR(DOUBLE val) -> DOUBLE : Numbers.floor
ROUND(INTEGER val) -> INTEGER : Numbers.same
ROUND(BIGINT val) -> BIGINT : Numbers.same
ROUND(DOUBLE val) -> BIGINT : Numbers.round
ROUND(DOUBLE val, INTEGER decimalPlaces) -> DOUBLE : Numbers.round
ROUND(DECIMAL val) -> @whole_decimal : Numbers.round
ROUND(DECIMAL val, INTEGER decimalPlaces) -> @first : Numbers.roundKeep
TRUNC(INTEGER val) -> INTEGER : Numbers.same
TRUNC(BIGINT val) -> BIGINT : Numbers.same
TRUNC(DOUBLE val) -> BIGINT : Numbers.trunc
TRUNC(DOUBLE val, INTEGER decimalPlaces) -> DOUBLE : Numbers.trunc
TRUNC(DECIMAL val) -> @whole_decimal : Numbers.trunc
TRUNC(DECIMAL val, INTEGER decimalPlaces) -> @first : Numbers.truncKeep
ACOS(DOUBLE val) -> DOUBLE : Numbers.acos
ASIN(DOUBLE val) -> DOUBLE : Numbers.asin
ATAN(DOUBLE val) -> DOUBLE : Numbers.atan
ATAN2(DOUBLE y, DOUBLE x) -> DOUBLE : Numbers.atan2
CBRT(DOUBLE val) -> DOUBLE : Numbers.cbrt
COS(DOUBLE val) -> DOUBLE : Numbers.cos
COSH(DOUBLE val) -> DOUBLE : Numbers.cosh
COT(DOUBLE val) -> DOUBLE : Numbers.cot
DEGREES(DOUBLE val) -> DOUBLE : Numbers.degrees
EXP(DOUBLE val) -> DOUBLE : Numbers.exp
LN(DOUBLE val) -> DOUBLE : Numbers.ln
LOG(DOUBLE val) -> DOUBLE : Numbers.ln
LOG(DOUBLE base, DOUBLE val) -> DOUBLE : Numbers.log
PI() -> DOUBLE : Numbers.pi
POWER(DOUBLE base, DOUBLE exponent) -> DOUBLE : Numbers.power
RADIANS(DOUBLE val) -> DOUBLE : Numbers.radians
RANDOM() -> DOUBLE : Numbers.random
SIGN(DOUBLE val) -> INTEGER : Numbers.sign
SIN(DOUBLE val) -> DOUBLE : Numbers.sin
SINH(DOUBLE val) -> DOUBLE : Numbers.sinh
SQRT(DOUBLE val) -> DOUBLE : Numbers.sqrt
TAN(DOUBLE val) -> DOUBLE : Numbers.tan
TANH(DOUBLE val) -> DOUBLE : Numbers.tanh
GREATEST(T first, T... others) -> @greatest : Numbers.greatest typed
LEAST(T first, T... others) -> @least : Numbers.least typed
GENERATE_SERIES(INTEGER start, INTEGER end) -> ARRAY<INTEGER> : Numbers.series
GENERATE_SERIES(INTEGER start, INTEGER end, INTEGER step) -> ARRAY<INTEGER> : Numbers.series
GENERATE_SERIES(BIGINT start, BIGINT end) -> ARRAY<BIGINT> : Numbers.series
GENERATE_SERIES(BIGINT start, BIGINT end, INTEGER step) -> ARRAY<BIGINT> : Numbers.series
GEO_DISTANCE(DOUBLE lat1, DOUBLE lon1, DOUBLE lat2, DOUBLE lon2) -> DOUBLE : Numbers.geoDistance
GEO_DISTANCE(DOUBLE lat1, DOUBLE lon1, DOUBLE lat2, DOUBLE lon2, STRING unit) -> DOUBLE : Numbers.geoDistance

# arrays and maps
ARRAY_LENGTH(ARRAY<T> array) -> INTEGER : Collections.length
ARRAY_CONCAT(ARRAY<T> left, ARRAY<T> right) -> ARRAY<T> : Collections.concat
ARRAY_CONTAINS(ARRAY<T> array, T val) -> BOOLEAN : Collections.contains
ARRAY_DISTINCT(ARRAY<T> array) -> ARRAY<T> : Collections.distinct
ARRAY_EXCEPT(ARRAY<T> left, ARRAY<T> right) -> ARRAY<T> : Collections.except
ARRAY_INTERSECT(ARRAY<T> array1, ARRAY<T> array2) -> ARRAY<T> : Collections.intersect
ARRAY_UNION(ARRAY<T> left, ARRAY<T> right) -> ARRAY<T> : Collections.union
ARRAY_REMOVE(ARRAY<T> array, T element) -> ARRAY<T> : Collections.remove
ARRAY_JOIN(ARRAY<T> array) -> STRING : Collections.join
ARRAY_JOIN(ARRAY<T> array, STRING delimiter) -> STRING : Collections.join
ARRAY_MAX(ARRAY<T> array) -> T : Collections.max
ARRAY_MIN(ARRAY<T> array) -> T : Collections.min
ARRAY_SORT(ARRAY<T> array) -> ARRAY<T> : Collections.sort
ARRAY_SORT(ARRAY<T> array, STRING direction) -> ARRAY<T> : Collections.sort
SLICE(ARRAY<T> in, INTEGER from, INTEGER to) -> ARRAY<T> : Collections.slice
AS_MAP(ARRAY<STRING> keys, ARRAY<T> values) -> MAP<STRING, T> : Collections.asMap
MAP_KEYS(MAP<K, V> input) -> ARRAY<K> : Collections.keys
MAP_VALUES(MAP<K, V> input) -> ARRAY<V> : Collections.values
MAP_UNION(MAP<K, V> map1, MAP<K, V> map2) -> MAP<K, V> : Collections.union
ENTRIES(MAP<STRING, V> map, BOOLEAN sorted) -> @entries : Collections.entries typed

# with lambdas
FILTER(ARRAY<T> array, LAMBDA(T)->BOOLEAN lambda) -> ARRAY<T> : Collections.filter
FILTER(MAP<K, V> map, LAMBDA(K, V)->BOOLEAN lambda) -> MAP<K, V> : Collections.filter
TRANSFORM(ARRAY<T> array, LAMBDA(T)->R lambda) -> ARRAY<R> : Collections.transform
TRANSFORM(MAP<K, V> map, LAMBDA(K, V)->R lambda1, LAMBDA(K, V)->S lambda2) -> MAP<R, S> : Collections.transform
REDUCE(ARRAY<T> array, S initialState, LAMBDA(S, T)->S lambda) -> S : Collections.reduce
REDUCE(MAP<K, V> map, S initialState, LAMBDA(S, K, V)->S lambda) -> S : Collections.reduce

# URLs
URL_ENCODE_PARAM(STRING input) -> STRING : Urls.encode
URL_DECODE_PARAM(STRING input) -> STRING : Urls.decode
URL_EXTRACT_FRAGMENT(STRING input) -> STRING : Urls.fragment
URL_EXTRACT_HOST(STRING input) -> STRING : Urls.host
URL_EXTRACT_PARAMETER(STRING input, STRING paramName) -> STRING : Urls.parameter
URL_EXTRACT_PATH(STRING input) -> STRING : Urls.path
URL_EXTRACT_PORT(STRING input) -> INTEGER : Urls.port
URL_EXTRACT_PROTOCOL(STRING input) -> STRING : Urls.protocol
URL_EXTRACT_QUERY(STRING input) -> STRING : Urls.query

# dates and times
FORMAT_TIMESTAMP(TIMESTAMP timestamp, STRING formatPattern) -> STRING : Dates.formatTimestamp
FORMAT_TIMESTAMP(TIMESTAMP timestamp, STRING formatPattern, STRING timeZone) -> STRING : Dates.formatTimestamp
PARSE_TIMESTAMP(STRING formattedTimestamp, STRING formatPattern) -> TIMESTAMP : Dates.parseTimestamp
PARSE_TIMESTAMP(STRING formattedTimestamp, STRING formatPattern, STRING timeZone) -> TIMESTAMP : Dates.parseTimestamp
TIMESTAMPTOSTRING(BIGINT epochMilli, STRING formatPattern) -> STRING : Dates.timestampToString
TIMESTAMPTOSTRING(BIGINT epochMilli, STRING formatPattern, STRING timeZone) -> STRING : Dates.timestampToString
STRINGTOTIMESTAMP(STRING formattedTimestamp, STRING formatPattern) -> BIGINT : Dates.stringToTimestamp
STRINGTOTIMESTAMP(STRING formattedTimestamp, STRING formatPattern, STRING timeZone) -> BIGINT : Dates.stringToTimestamp
FORMAT_DATE(DATE date, STRING formatPattern) -> STRING : Dates.formatDate
PARSE_DATE(STRING formattedDate, STRING formatPattern) -> DATE : Dates.parseDate
DATETOSTRING(INTEGER epochDays, STRING formatPattern) -> STRING : Dates.dateToString
STRINGTODATE(STRING formattedDate, STRING formatPattern) -> INTEGER : Dates.stringToDate
FORMAT_TIME(TIME time, STRING formatPattern) -> STRING : Dates.formatTime
PARSE_TIME(STRING formattedTime, STRING formatPattern) -> TIME : Dates.parseTime
FROM_DAYS(INTEGER days) -> DATE : Dates.fromDays
FROM_UNIXTIME(BIGINT epochMilli) -> TIMESTAMP : Dates.fromUnix
UNIX_DATE() -> INTEGER : Dates.unixDate
UNIX_DATE(DATE date) -> INTEGER : Dates.unixDate
UNIX_TIMESTAMP() -> BIGINT : Dates.unixTimestamp
UNIX_TIMESTAMP(TIMESTAMP timestamp) -> BIGINT : Dates.unixTimestamp
CONVERT_TZ(TIMESTAMP timestamp, STRING fromTz, STRING toTz) -> TIMESTAMP : Dates.convertZone
DATEADD(UNIT unit, INTEGER interval, DATE date) -> DATE : Dates.addDate
DATESUB(UNIT unit, INTEGER interval, DATE date) -> DATE : Dates.subDate
TIMEADD(UNIT unit, INTEGER interval, TIME time) -> TIME : Dates.addTime
TIMESUB(UNIT unit, INTEGER interval, TIME time) -> TIME : Dates.subTime
TIMESTAMPADD(UNIT unit, INTEGER interval, TIMESTAMP timestamp) -> TIMESTAMP : Dates.addTimestamp
TIMESTAMPSUB(UNIT unit, INTEGER interval, TIMESTAMP timestamp) -> TIMESTAMP : Dates.subTimestamp
""")
