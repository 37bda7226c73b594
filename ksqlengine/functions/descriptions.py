"""What DESCRIBE FUNCTION says: one line for each function, and what its parameters are.

    NAME | what it gives | parameter: what it is; parameter: …

A parameter without words of its own takes those of `_COMMON`.
"""

from __future__ import annotations

from dataclasses import dataclass

_COMMON = {
    "val": "the value",
    "str": "the text",
    "text": "the text",
    "input": "the text; null gives null",
    "array": "the array; null gives null",
    "map": "the map; null gives null",
    "left": "the first array",
    "right": "the second array",
    "others": "more of the same type",
    "first": "the first value",
    "formatPattern": "a pattern of java.time.format.DateTimeFormatter",
    "timeZone": "a time zone such as 'UTC', 'Europe/Vienna' or '+02:00'",
    "unit": "a unit of time: DAYS, HOURS, MINUTES, SECONDS or MILLISECONDS",
    "interval": "how many units; negative ones go the other way",
    "n": "how many characters; none may be negative",
    "upper": "what stands for upper-case letters; null leaves them",
    "lower": "what stands for lower-case letters; null leaves them",
    "digit": "what stands for digits; null leaves them",
    "other": "what stands for all other characters; null leaves them",
    "byteOrder": "BIG_ENDIAN (the default) or LITTLE_ENDIAN",
    "value": "the bytes",
    "encoding": "hex, utf8, ascii or base64",
    "pattern": "a regular expression of Java",
    "regexp": "a regular expression of Java",
    "group": "the number of a group in brackets; 0 is the whole match",
    "k": "how many values to keep, a literal of 1 or more",
    "ignoreNulls": "true (the default) to leave null out",
    "jsonObj": "text with a JSON object",
    "decimalPlaces": "how many digits to keep behind the point; negative ones count to its left",
    "lambda": "the lambda",
    "initialState": "where the state begins; null gives null",
    "epochMilli": "milliseconds since 1970-01-01T00:00:00Z",
}

_TABLE = """
ABS | The number without its sign.
ACOS | The arc cosine in radians; NaN outside [-1, 1].
ARRAY_CONCAT | The elements of one array and then those of another; a null array counts as empty, two give null.
ARRAY_CONTAINS | Whether an array has an element; false for a null array. | val: the element
ARRAY_DISTINCT | The different elements in the order in which they first come, null among them.
ARRAY_EXCEPT | The different elements of one array that another does not have; null when one of the arrays is.
ARRAY_INTERSECT | The different elements that both arrays have; null when one of them is. | array1: the first array, whose order stays; array2: the second array
ARRAY_JOIN | The elements as one text with a delimiter between them; only of simple types. | delimiter: what stands between; a comma by default
ARRAY_LENGTH | How many elements an array has.
ARRAY_MAX | The greatest element, null left out.
ARRAY_MIN | The least element, null left out.
ARRAY_REMOVE | The array without all elements that equal one. | element: what to remove; null removes the nulls
ARRAY_SORT | The elements in their natural order, nulls last. | direction: 'ASC' (the default) or 'DESC'
ARRAY_UNION | The different elements of both arrays; null when one of them is.
ASIN | The arc sine in radians; NaN outside [-1, 1].
AS_MAP | A map of keys and the values at the same places. | keys: the keys; values: the values
AS_VALUE | A copy of a key column for the value. | keyColumn: a column of the key
ATAN | The arc tangent in radians.
ATAN2 | The angle, in radians, of the point (x, y). | y: the ordinate; x: the abscissa
ATTR | The one value that all records of a group share, else null.
AVG | The average; of ROWTIME when no column is given. | val: the numbers; null is left out
BIGINT_FROM_BYTES | The BIGINT that eight bytes hold.
CBRT | The cube root.
CEIL | The least whole number that is not less.
CHR | The character of a Unicode code point; null when there is none. | decimalCode: the code point's number; utf16Code: codes in the form \\uXXXX
COALESCE | The first argument that is not null. | first: the first candidate; others: further candidates
COLLECT_LIST | All values of a group as an array; no more than ksql.functions.collect_list.limit.
COLLECT_SET | The different values of a group as an array; no more than ksql.functions.collect_set.limit.
CONCAT | Texts or bytes in a row; null counts as empty. | first: the first part; others: the parts behind it
CONCAT_WS | Texts or bytes in a row with a separator between them; null parts are left out. | separator: what stands between; null gives null; first: the first part; others: the parts behind it
CONVERT_TZ | A timestamp of one time zone in another. | timestamp: the timestamp; fromTz: the time zone it is in; toTz: the time zone of the result
CORRELATION | Pearson's correlation of two columns. | x: the first column; y: the second column
COS | The cosine. | val: the angle in radians
COSH | The hyperbolic cosine.
COT | The cotangent. | val: the angle in radians
COUNT | How many records a group has, or how many with a value in a column. | val: what must not be null to count
COUNT_DISTINCT | How many different values a group has: exact up to 511, an estimate (standard error 1.6 %) beyond.
CUBE_EXPLODE | A row for each combination of the columns' values and null. | columns: an array of columns
DATEADD | A date later by an interval. | date: the date
DATESUB | A date earlier by an interval. | date: the date
DATETOSTRING | A number of days since 1970 as text. Deprecated: FORMAT_DATE. | epochDays: days since 1970-01-01
DEGREES | Radians as degrees. | val: the angle in radians
DOUBLE_FROM_BYTES | The DOUBLE that eight bytes hold.
EARLIEST_BY_OFFSET | The value that came first, or the first ones. | column: the column; earliestN: how many values to keep, a literal of 1 or more
ELT | The argument at a place, counted from 1; null outside. | pos: the place; first: the first text; others: the texts behind it
ENCODE | A text of one encoding in another. | inputEncoding: hex, utf8, ascii or base64; outputEncoding: hex, utf8, ascii or base64
ENTRIES | The entries of a map as an array of structs of K and V. | sorted: whether to sort by key
EXP | e to the power of a number. | val: the exponent
EXPLODE | A row for each element of an array. | list: the array; input: the array
EXTRACTJSONFIELD | The value at a path in JSON, as text; null when there is none. | input: text with JSON; path: a path such as $.a.b[0]
FIELD | The place of a text among others, counted from 1; 0 when it is none of them or null. | str: what to find; first: the first text; others: the texts behind it
FILTER | The elements or entries of which a lambda is true. | lambda: x => BOOLEAN, for a map (k, v) => BOOLEAN
FLOOR | The greatest whole number that is not greater.
FORMAT_DATE | A date as text. | date: the date
FORMAT_TIME | A time of day as text. | time: the time
FORMAT_TIMESTAMP | A timestamp as text, in UTC where no zone is given. | timestamp: the timestamp
FROM_BYTES | Bytes as text of an encoding.
FROM_DAYS | The date that is some days after 1970-01-01. | days: the number of days
FROM_UNIXTIME | The timestamp of a number of milliseconds since 1970.
GENERATE_SERIES | The whole numbers from one to another, both included. | start: the first number; end: the last number; step: the distance between two, 1 or -1 by default
GEO_DISTANCE | The great-circle distance of two points given in degrees. | lat1: latitude of the first; lon1: its longitude; lat2: latitude of the second; lon2: its longitude; unit: 'KM' (the default) or 'MI'
GREATEST | The greatest argument, null left out.
HISTOGRAM | How often each text comes in a group, for at most 1000 different ones.
IFNULL | A value, or another when it is null. | expression: the value; altValue: what stands for null
INITCAP | A text whose words begin in upper case, all else in lower case.
INSTR | The place of a part in a text, counted from 1; 0 when it is not there. | substring: the part; pos: where to begin, from the end backwards when negative; occurrence: which occurrence, 1 by default
INT_FROM_BYTES | The INT that four bytes hold.
IS_JSON_STRING | Whether a text is JSON; false for null. | input: the text
JSON_ARRAY_CONTAINS | Whether a JSON array has a value; false for what is no array. | json: text with a JSON array; val: the value
JSON_ARRAY_LENGTH | How many elements a JSON array has; null for what is no array. | jsonArray: text with a JSON array
JSON_CONCAT | JSON objects merged, else all values as one array; null when a text is no JSON. | jsonStrings: texts with JSON
JSON_ITEMS | The elements of a JSON array, each as JSON; null for what is no array. | jsonItems: text with a JSON array
JSON_KEYS | The keys of a JSON object; null for what is none.
JSON_RECORDS | The entries of a JSON object as text; null for what is none.
LATEST_BY_OFFSET | The value that came last, or the last ones, oldest first. | column: the column; latestN: how many values to keep, a literal of 1 or more
LCASE | A text in lower case.
LEAST | The least argument, null left out.
LEN | How many characters a text has, or how many bytes. | input: the text or the bytes
LN | The natural logarithm. | val: a number greater than 0
LOG | The natural logarithm, or that to a base. | val: a number greater than 0; base: the base
LPAD | Text or bytes filled from the left up to a length, or cut to it. | input: the text or bytes; targetLen: the length; padding: what to fill with; empty gives null
MAP_KEYS | The keys of a map. | input: the map
MAP_UNION | The entries of two maps; of equal keys the second's stays. | map1: the first map; map2: the second map
MAP_VALUES | The values of a map. | input: the map
MASK | A text whose letters, digits and other characters are hidden by kind.
MASK_KEEP_LEFT | A text hidden like MASK but for some characters on the left.
MASK_KEEP_RIGHT | A text hidden like MASK but for some characters on the right.
MASK_LEFT | A text of which some characters on the left are hidden like MASK.
MASK_RIGHT | A text of which some characters on the right are hidden like MASK.
MAX | The greatest value of a group, null left out.
MIN | The least value of a group, null left out.
NULLIF | Null when two values are equal, else the first. | expr1: the value; expr2: what makes it null
PARSE_DATE | The date that a text holds. | formattedDate: the text
PARSE_TIME | The time of day that a text holds. | formattedTime: the text
PARSE_TIMESTAMP | The timestamp that a text holds, in UTC where neither it nor the zone says more. | formattedTimestamp: the text
PI | The number pi.
POWER | A number to the power of another. | base: the base; exponent: the exponent
RADIANS | Degrees as radians. | val: the angle in degrees
RANDOM | A random DOUBLE from 0 to below 1.
REDUCE | What a lambda makes of a state and each element or entry in turn. | lambda: (state, x) => state, for a map (state, k, v) => state
REGEXP_EXTRACT | The first match of a regular expression, or a group of it; null when there is none.
REGEXP_EXTRACT_ALL | All matches of a regular expression, or a group of each.
REGEXP_REPLACE | A text in which all matches of a regular expression are replaced. | newStr: what to put; $1 is the first group
REGEXP_SPLIT_TO_ARRAY | A text split where a regular expression matches. | string: the text
REPLACE | A text in which all occurrences of a part are replaced. | oldStr: the part; newStr: what to put
ROUND | A number rounded, halves up. | val: the number
RPAD | Text or bytes filled from the right up to a length, or cut to it. | input: the text or bytes; targetLen: the length; padding: what to fill with; empty gives null
SIGN | -1, 0 or 1 by a number's sign.
SIN | The sine. | val: the angle in radians
SINH | The hyperbolic sine.
SLICE | The elements from one place to another, counted from 1, both included; null outside. | in: the array; from: the first place; to: the last place
SPLIT | Text or bytes split at a delimiter; an empty one gives the single characters or bytes. | str: the text or bytes; delimiter: what to split at
SPLIT_TO_MAP | A map of the keys and values that a text lists. | entryDelimiter: what stands between entries; kvDelimiter: what stands between key and value
SQRT | The square root; NaN of a negative number.
STDDEV_SAMP | The sample variance of a column, under the name that ksqlDB gives it.
STDDEV_SAMPLE | The sample standard deviation of a column.
STRINGTODATE | Days since 1970 of a date in text. Deprecated: PARSE_DATE. | formattedDate: the text
STRINGTOTIMESTAMP | Milliseconds since 1970 of a timestamp in text. Deprecated: PARSE_TIMESTAMP. | formattedTimestamp: the text
SUBSTRING | A part of a text or of bytes. | str: the text or bytes; pos: where it begins, counted from 1, from the end when negative; length: how long it is at most
SUM | The sum of a column, null left out.
SUM_LIST | The sum over the elements of a column of arrays. | list: the arrays
TAN | The tangent. | val: the angle in radians
TANH | The hyperbolic tangent.
TIMEADD | A time of day later by an interval. | time: the time
TIMESTAMPADD | A timestamp later by an interval. | timestamp: the timestamp
TIMESTAMPSUB | A timestamp earlier by an interval. | timestamp: the timestamp
TIMESTAMPTOSTRING | Milliseconds since 1970 as text. Deprecated: FORMAT_TIMESTAMP.
TIMESUB | A time of day earlier by an interval. | time: the time
TOPK | The greatest values of a column, greatest first; with further columns structs of all of them. | sortCol: the column; otherCols: columns to keep beside it
TOPKDISTINCT | The greatest different values of a column, greatest first. | col: the column
TO_BYTES | Text of an encoding as bytes. | value: the text
TO_JSON_STRING | A value of any type as JSON. | val: the value; null gives the text null
TRANSFORM | What a lambda makes of each element; of a map, what two lambdas make of each key and value. | lambda: x => new element; lambda1: (k, v) => new key; lambda2: (k, v) => new value
TRIM | A text without white space at its ends.
TRUNC | A number cut off behind some digits. | val: the number
UCASE | A text in upper case.
UNIX_DATE | Days since 1970 of a date, or of today. | date: the date
UNIX_TIMESTAMP | Milliseconds since 1970 of a timestamp, or of now. | timestamp: the timestamp
URL_DECODE_PARAM | The text that a URL's parameter encodes.
URL_ENCODE_PARAM | A text as a URL's parameter.
URL_EXTRACT_FRAGMENT | The fragment of a URL, decoded; null when it has none. | input: the URL
URL_EXTRACT_HOST | The host of a URL; null when it has none. | input: the URL
URL_EXTRACT_PARAMETER | The value of a URL's parameter, decoded; null when it has none. | input: the URL; paramName: the parameter
URL_EXTRACT_PATH | The path of a URL, decoded. | input: the URL
URL_EXTRACT_PORT | The port of a URL; null when it names none. | input: the URL
URL_EXTRACT_PROTOCOL | The protocol of a URL; null when it has none. | input: the URL
URL_EXTRACT_QUERY | The query of a URL, decoded; null when it has none. | input: the URL
UUID | A random UUID, or the one that 16 bytes hold. | bytes: the bytes; null when they are not 16
"""  # noqa: E501 - a table


@dataclass(frozen=True)
class Description:
    """Say what a function gives and what its parameters are."""

    overview: str
    parameters: dict[str, str]

    def parameter(self, name: str) -> str:
        """Return what a parameter is; empty when nobody said."""
        return self.parameters.get(name) or _COMMON.get(name, "")


def _read(table: str) -> dict[str, Description]:
    found = {}
    for line in table.strip().splitlines():
        name, overview, *rest = (part.strip() for part in line.split(" | "))
        parameters: dict[str, str] = {}
        last = ""
        for part in (rest[0] if rest else "").split("; "):
            label, colon, text = part.partition(": ")
            if colon and label.isidentifier():
                parameters[label] = text
                last = label
            elif part:
                parameters[last] += "; " + part  # a semicolon inside the words
        found[name] = Description(overview, parameters)
    return found


DESCRIPTIONS = _read(_TABLE)
