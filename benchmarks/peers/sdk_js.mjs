// The AWS SDK for JavaScript, eight calls in flight. The file has no quotes, so a split at commas reads it exactly.
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { BatchWriteItemCommand, DynamoDBClient } from "@aws-sdk/client-dynamodb";

const TABLE = "flights";
const TEXTS = new Set(["carrier", "tailnum", "origin", "dest", "time_hour"]);
const client = new DynamoDBClient({ endpoint: process.env.AWS_ENDPOINT_URL, region: process.env.AWS_REGION });

async function* batches(path) {
  let header, batch = [];
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Infinity })) {
    const row = line.split(",");
    if (!header) { header = row; continue; }
    const record = Object.fromEntries(row.map((value, at) => [header[at], value]));
    const item = { pk: { S: `flight#${record.carrier}${record.flight}` }, sk: { S: `${record.time_hour}#${record.origin}` } };
    for (const [name, value] of Object.entries(record)) if (value !== "NA") item[name] = TEXTS.has(name) ? { S: value } : { N: value };
    batch.push({ PutRequest: { Item: item } });
    if (batch.length === 25) { yield batch; batch = []; }
  }
  if (batch.length) yield batch;
}

async function write(batch) {
  for (let left = batch, attempt = 0; left?.length; attempt++) {
    if (attempt === 10) throw new Error("items were left unprocessed ten times");
    left = (await client.send(new BatchWriteItemCommand({ RequestItems: { [TABLE]: left } }))).UnprocessedItems?.[TABLE];
  }
}

const waiting = batches(process.argv[2]);
const sender = async () => { for (let next; !(next = await waiting.next()).done; ) await write(next.value); };
await Promise.all(Array.from({ length: 8 }, sender));
