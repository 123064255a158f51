-- Once a day, while no run of ohip_lake.py is at work: one file for each part of a table where many
-- runs have left many, and the files that no table has had for a week go. Each run writes LAKE/state
-- anew; nothing else ever deletes the old one. (Without the setting a vacuum starts 10,000 tasks.)
--     spark-sql --jars … --hivevar lake=LAKE -f tidy.sql
optimize delta.`${lake}/events`;
optimize delta.`${lake}/state`;
set spark.sql.sources.parallelPartitionDiscovery.parallelism=8;
vacuum delta.`${lake}/events`;
vacuum delta.`${lake}/state`;
vacuum delta.`${lake}/rejects`;
