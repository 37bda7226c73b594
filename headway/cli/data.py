"""Commands about the data: replay, topics, console."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from headway.cli.times import hour_option, speed_option
from headway.errors import NotAsExpectedError

if TYPE_CHECKING:
    from confluent_kafka import Message

    from headway.replay import Progress


_CONTROLS = {code: ascii(chr(code))[1:-1] for code in (*range(32), *range(127, 160))}


def replay(
    feed: Annotated[str, typer.Argument(help="A feed of data/feeds.toml: turnstile, arrivals, weather, or yours.")],
    start: Annotated[
        datetime, typer.Option("--from", parser=hour_option, help="First whole UTC hour of simulated time.")
    ],
    end: Annotated[datetime, typer.Option("--to", parser=hour_option, help="End of the range, not included.")],
    speed: Annotated[
        float | None,
        typer.Option(parser=speed_option, help="max (the default), or simulated seconds a second.", metavar="max|N"),
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of the disturbances.")] = None,
) -> None:
    """Send one feed's events of a range; only what its hours still lack, so repeating it adds nothing."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    from headway.adapters.locks import replays_shared
    from headway.replay import replay as send
    from headway.settings import load

    settings = load()
    console = Console(highlight=False)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("hours"),
        TimeElapsedColumn(),
    )
    # a verification under way must not see a topic that grows
    with replays_shared(settings, f"a replay of {feed}") as lock, Bar(*columns, console=console) as bar:
        task = bar.add_task(feed, total=None)

        def show(progress: Progress) -> None:
            bar.update(
                task,
                total=progress.hours,
                completed=progress.hours_done,
                description=f"{feed} {progress.hour:%Y-%m-%d %H:%M}Z, {progress.delivered:,} sent",
            )

        result = send(
            settings, feed, start, end, speed=speed or None, seed=seed, on_progress=show, should_stop=lock.lost
        )
    console.print(
        f"{feed}: planned {result.planned:,} = already there {result.already:,} + delivered {result.delivered:,}"
        f" + rejected {result.rejected:,}, in {result.hours} hours of simulated time, {result.seconds:.1f} s."
    )


def topics(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a topic.")] = False,
    ensure: Annotated[
        bool, typer.Option("--ensure", help="First create what is missing and correct what differs.")
    ] = False,
) -> None:
    """List the topics: what each is for, partitions, offsets (transaction markers take offsets too)."""
    from rich.table import Table

    from headway.adapters.kafka import end_offsets, ensure_topics, partition_counts, wait_for_broker
    from headway.cli.screens import wide_console
    from headway.core.feeds import load_feeds
    from headway.replay.topics import feed_topics
    from headway.settings import load

    settings = load()
    wait_for_broker(settings, 5.0)
    ours = feed_topics(load_feeds(settings.replay.feeds_file))
    if ensure:
        ensure_topics(settings, ours)
    known = {topic.name: topic for topic in ours}
    rows: list[dict[str, Any]] = []
    for name, partitions in sorted(partition_counts(settings).items()):
        if name.startswith("__"):
            continue
        topic = known.get(name)
        rows.append(
            {
                "topic": name,
                "partitions": partitions,
                "offsets": sum(end_offsets(settings, name).values()),
                "kept": ("compacted" if topic.compacted else "all") if topic else "",
                "purpose": topic.purpose if topic else "",
            }
        )
    if as_json:
        typer.echo(json.dumps(rows, indent=1))
        return
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("topic", no_wrap=True)
    table.add_column("partitions", justify="right")
    table.add_column("offsets", justify="right")
    table.add_column("kept")
    table.add_column("what it is", style="dim", overflow="fold")
    for row in rows:
        table.add_row(row["topic"], str(row["partitions"]), f"{row['offsets']:,}", row["kept"], row["purpose"])
    wide_console().print(table, highlight=False)


def console(
    topic: Annotated[str, typer.Argument(help="A topic, as headway topics names it.")],
    from_beginning: Annotated[bool, typer.Option("--from-beginning", "-b", help="From the first record on.")] = False,
    most: Annotated[int | None, typer.Option("--max", "-n", min=1, help="End after so many records.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a record, for pipes.")] = False,
) -> None:
    """Show a topic's records decoded: time, key, headers, value. Live until interrupted; committed records only.

    With --from-beginning and --max it is the head of the topic.
    """
    from confluent_kafka import Consumer, KafkaException, TopicPartition

    from headway.adapters.kafka import broker_error, consumer_config, partition_counts, wait_for_broker
    from headway.settings import load

    settings = load()
    wait_for_broker(settings, 5.0)
    partitions = partition_counts(settings).get(topic)
    if partitions is None:
        raise NotAsExpectedError(
            f"There is no topic {topic}.",
            where=settings.kafka.bootstrap_servers,
            next_step="`headway topics` lists them",
        )
    consumer = Consumer(consumer_config(settings, "headway-console"))
    try:
        first = -2 if from_beginning else -1  # librdkafka's OFFSET_BEGINNING and OFFSET_END
        consumer.assign([TopicPartition(topic, number, first) for number in range(partitions)])
        shown = 0
        while most is None or shown < most:
            for message in consumer.consume(min(500, (most or 500) - shown if most else 500), timeout=0.5):
                if error := message.error():
                    raise broker_error(settings, KafkaException(error), f"read {topic}")
                _show(message, as_json)
                shown += 1
    finally:
        consumer.close()


def _show(message: Message, as_json: bool) -> None:
    moment = _moment(message.timestamp()[1])
    headers = {name: _decoded(value) for name, value in _pairs(message)}
    key, value = _decoded(message.key()), _decoded(message.value())
    if as_json:
        place = {"partition": message.partition(), "offset": message.offset()}
        record = {"time": moment, **place, "key": key, "headers": headers, "value": value}
        typer.echo(json.dumps(record, ensure_ascii=False))
        return
    parts = [
        _dim(f"{moment} {message.partition()}:{message.offset()}"),
        typer.style(_text(key), fg=typer.colors.CYAN, bold=True),
        _text(value) if value is not None else typer.style("(tombstone)", fg=typer.colors.YELLOW),
    ]
    if headers:
        parts.append(_dim(" ".join(f"{name}={_text(found)}" for name, found in headers.items())))
    typer.echo("  ".join(parts))


def _moment(milliseconds: int) -> str:
    try:
        moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (ValueError, OverflowError, OSError):  # the topics take any timestamp, the calendar does not
        return f"{milliseconds} ms"
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _pairs(message: Message) -> list[tuple[str, Any]]:
    found = message.headers() or []
    return list(found.items()) if isinstance(found, dict) else [(pair[0], pair[1]) for pair in found]


def _dim(text: str) -> str:
    return typer.style(text, fg=typer.colors.BRIGHT_BLACK)


def _decoded(data: Any) -> Any:
    """Decode JSON, else text, else hexadecimal; None stays None (a tombstone)."""
    if data is None:
        return None
    raw = data.encode() if isinstance(data, str) else bytes(data)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return f"0x{raw.hex()}"
    try:
        return json.loads(text)
    except (ValueError, RecursionError):  # the latter: nested deeper than any event
        return text


def _text(value: Any) -> str:
    """Give a value on one line; control characters are shown, for a terminal would obey them."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.translate(_CONTROLS)
