"""The lake: what is new in the topic goes into two Delta tables, then the job ends. Schedule it,
one run at a time; Spark 3.5.0 and Delta 3.1.0, as on OCI Data Flow.

    spark-submit ohip_lake.py BROKERS TOPIC LAKE [kafka.PROPERTY=VALUE | @FILE] …

FILE (as LAKE a path or an oci:// URL) has such lines: passwords are no arguments, which others see.
LAKE/events has each event once, LAKE/state the newest event of each key, LAKE/rejects what is none.
The topic's place is in LAKE/checkpoint. Killed anywhere, the next run does the same batch again,
which changes nothing in what is there already. Without the checkpoint it does them all again.
"""

import sys
from collections.abc import Iterator

from delta.tables import DeltaTable
from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as f

EVENT = """source string, id string, type string, module string, date date, created timestamp,
  subject string, key string, received timestamp, value string, number decimal(38,0)"""
REJECT = "topic string, partition int, offset bigint, key binary, value binary"


def session() -> SparkSession:
    settings = {
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.legacy.timeParserPolicy": "CORRECTED",  # what is no time is null
    }
    builder = SparkSession.builder.appName("ohip-lake")
    for name, value in settings.items():
        builder = builder.config(name, value)
    return builder.getOrCreate()


def text(column: Column) -> Column:
    """Null where it is no UTF-8."""
    decoded = f.decode(column, "UTF-8")
    return f.when(f.encode(decoded, "UTF-8") == column, decoded)


def header(name: str) -> Column:
    """The last of its name; null where there is none."""
    last = f.expr(f"element_at(filter(headers, h -> h.key = '{name}'), -1).value")
    return f.nullif(text(last), f.lit(""))


def value() -> Column:
    """Null where it is no JSON."""
    return f.when(f.get_json_object(text(f.col("value")), "$").isNotNull(), text(f.col("value")))


def created() -> Column:
    """The Poll API's time, or the Streaming API's; neither has a zone."""
    time = header("ce_createddatetime")
    polled = f.when(time.rlike(r"^(19|20)\d\d-\d\d-\d\d \d"), time.cast("timestamp"))
    return f.coalesce(polled, f.to_timestamp(time, "dd-MMM-yy hh.mm.ss.SSSSSS a"))


def module() -> Column:
    """It names a folder; of a foreign record anything, even nothing or what no disk takes."""
    name = f.split(header("ce_type"), r"\.")[3]
    return f.when(name.rlike("^[a-z0-9-]{1,64}$"), name).otherwise("unknown")


def events_of(batch: DataFrame) -> DataFrame:
    """The date is the event's own: a copy, however late, meets the same partition."""
    number = f.when(header("ce_id").rlike("^[0-9]{1,38}$"), header("ce_id").cast("decimal(38,0)"))
    return (
        batch.select(
            header("ce_source").alias("source"),
            header("ce_id").alias("id"),
            header("ce_type").alias("type"),
            module().alias("module"),
            f.coalesce(f.to_date(created()), f.lit("1970-01-01").cast("date")).alias("date"),
            created().alias("created"),
            header("ce_subject").alias("subject"),
            f.coalesce(text(f.col("key")), f.lit("")).alias("key"),
            f.col("timestamp").alias("received"),
            value().alias("value"),
            number.alias("number"),
        )
        .where("source is not null and id is not null and value is not null")
        .dropDuplicates(["source", "id"])
    )


def table(spark: SparkSession, path: str, columns: str, *parts: str) -> DeltaTable:
    builder = DeltaTable.createIfNotExists(spark).location(path)
    schema = spark.createDataFrame([], columns).schema
    return builder.addColumns(schema).partitionedBy(*parts).execute()


def merge_events(target: DeltaTable, events: DataFrame) -> None:
    """Reads the files of the dates that are in the batch, no others."""
    dates = [str(row.date) for row in events.select("date").distinct().collect()]
    where = "t.date in ({})".format(",".join(f"date'{date}'" for date in dates) or "null")
    same = "t.date = s.date and t.module = s.module and t.source = s.source and t.id = s.id"
    merge = target.alias("t").merge(events.alias("s"), f"{where} and {same}")
    merge.whenNotMatchedInsertAll().execute()


def merge_state(target: DeltaTable, events: DataFrame) -> None:
    """An event without a primary key changes no one thing."""
    columns = ", ".join(events.columns)
    newest = events.where("subject is not null").groupBy("source", "key")
    best = newest.agg(f.expr(f"max_by(struct({columns}), struct(created, number, id))").alias("e"))
    age = "struct({0}.created, {0}.number, {0}.id)"
    merge = target.alias("t").merge(
        best.select("e.*").alias("s"), "t.source = s.source and t.key = s.key"
    )
    merge = merge.whenMatchedUpdateAll(f"{age.format('s')} > {age.format('t')}")
    merge.whenNotMatchedInsertAll().execute()


def merge_rejects(target: DeltaTable, batch: DataFrame) -> None:
    flawed = [header("ce_source").isNull(), header("ce_id").isNull(), value().isNull()]
    bad = batch.where(flawed[0] | flawed[1] | flawed[2])
    bad = bad.select("topic", "partition", "offset", "key", "value")
    if not bad.isEmpty():
        same = "t.topic = s.topic and t.partition = s.partition and t.offset = s.offset"
        merge = target.alias("t").merge(bad.alias("s"), same)
        merge.whenNotMatchedInsertAll().execute()


def topic_id(spark: SparkSession, topic: str, properties: dict[str, str]) -> str:
    """Another one when the topic is made anew; where Kafka has no such thing, always the same."""
    kafka = spark._jvm.java.util.Properties()
    for name, value in properties.items():
        if name.startswith("kafka."):
            kafka.setProperty(name.removeprefix("kafka."), value)
    admin = spark._jvm.org.apache.kafka.clients.admin.AdminClient.create(kafka)
    try:
        return admin.describeTopics([topic]).allTopicNames().get()[topic].topicId().toString()
    finally:
        admin.close()


def exists(spark: SparkSession, path: str) -> bool:
    place = spark._jvm.org.apache.hadoop.fs.Path(path)
    return place.getFileSystem(spark._jsc.hadoopConfiguration()).exists(place)


def given(spark: SparkSession, arguments: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for argument in arguments:
        lines = [argument]
        if argument.startswith("@"):
            lines = [row.value for row in spark.read.text(argument[1:]).collect()]
        for line in lines:
            name, equals, setting = line.strip().partition("=")
            if equals and not name.startswith("#"):
                yield name.strip(), setting.strip()


def run(brokers: str, topic: str, lake: str, *arguments: str) -> None:
    spark = session()
    events_table = table(spark, f"{lake}/events", EVENT, "date", "module")
    state_table = table(spark, f"{lake}/state", EVENT)
    rejects_table = table(spark, f"{lake}/rejects", REJECT)

    def store(batch: DataFrame, _: int) -> None:
        batch.persist()  # a MERGE reads its source twice, and must find the same
        events = events_of(batch).persist()
        merge_events(events_table, events)
        merge_state(state_table, events)
        merge_rejects(rejects_table, batch)
        events.unpersist()
        batch.unpersist()

    options = {
        "kafka.bootstrap.servers": brokers,
        "subscribe": topic,
        "includeHeaders": "true",
        "startingOffsets": "earliest",
        "failOnDataLoss": "true",
        "kafka.isolation.level": "read_committed",
        "maxOffsetsPerTrigger": "200000",
    }
    options |= dict(given(spark, arguments))
    # Offsets say nothing about another topic of the same name: it would be skipped up to there.
    place = f"{lake}/checkpoint/{topic}-{topic_id(spark, topic, options)}"
    made_anew = exists(spark, f"{lake}/checkpoint") and not exists(spark, place)
    stream = spark.readStream.format("kafka").options(**options).load()
    writer = stream.writeStream.foreachBatch(store).trigger(availableNow=True)
    writer.option("checkpointLocation", place).start().awaitTermination()
    if made_anew:
        sys.exit(
            f"ohip-lake: error: {topic} was made anew: it has been read from its beginning, what"
            " the old one held unread is lost (reconcile with OPERA). The next run is as usual"
        )


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    try:
        run(*sys.argv[1:])
    except PySparkException as error:
        sys.exit(f"ohip-lake: error: {' '.join(str(error).partition('JVM stack')[0].split())}")
    except Py4JJavaError as error:
        sys.exit(f"ohip-lake: error: {error.java_exception.getMessage()}")
