// Subscribes to one practice session with the real supabase-js client, as the product's web client does.
//
//   node client.mjs URL API_KEY JWT SESSION_ID [--expect session:completed]... [--deadline-ms 20000]
//
// Prints one JSON object per line: {"kind":"status"|"live"|"event"|"done"|"failed", ...}. "live" means that
// the server has said the subscription is live; changes committed after it are received.
// Ends with 0 once every expected change (table:status) has been seen, with 1 and a reason otherwise.

import { parseArgs } from 'node:util'
import { createClient } from '@supabase/supabase-js'
import ws from 'ws'

const TABLES = { session: 'practice_sessions', attempt: 'practice_attempts' }

function print(line) {
  process.stdout.write(`${JSON.stringify(line)}\n`)
}

function usage(reason) {
  process.stderr.write(
    `${reason}\nusage: node client.mjs URL API_KEY JWT SESSION_ID [--expect session:STATUS|attempt:STATUS]... [--deadline-ms N]\n`,
  )
  process.exit(2)
}

function readArguments() {
  let parsed
  try {
    parsed = parseArgs({
      allowPositionals: true,
      options: {
        expect: { type: 'string', multiple: true, default: [] },
        'deadline-ms': { type: 'string', default: '20000' },
      },
    })
  } catch (error) {
    usage(error.message)
  }
  if (parsed.positionals.length !== 4) usage('four arguments are needed')
  const [url, apiKey, token, sessionId] = parsed.positionals
  const deadlineMs = Number(parsed.values['deadline-ms'])
  if (!(deadlineMs > 0)) usage('--deadline-ms takes a positive number of milliseconds')
  const expected = parsed.values.expect.map((text) => {
    const [what, status, ...rest] = text.split(':')
    if (!(what in TABLES) || !status || rest.length > 0) usage(`--expect cannot be ${text}`)
    return { text, table: TABLES[what], status }
  })
  return { url, apiKey, token, sessionId, deadlineMs, expected }
}

const { url, apiKey, token, sessionId, deadlineMs, expected } = readArguments()
const missing = new Set(expected)
const supabase = createClient(url, apiKey, {
  auth: { persistSession: false, autoRefreshToken: false },
  realtime: { transport: ws },
})

let ended = false

async function end(code, line) {
  if (ended) return
  ended = true
  print(line)
  await supabase.removeAllChannels()
  process.exit(code)
}

function fail(reason) {
  return end(1, { kind: 'failed', reason, missing: [...missing].map((change) => change.text) })
}

function received(payload) {
  const { table, eventType, commit_timestamp, new: row, old, errors } = payload
  print({ kind: 'event', table, eventType, commit_timestamp, new: row, old, errors })
  for (const change of missing) {
    if (change.table === table && change.status === row.status) missing.delete(change)
  }
  if (expected.length > 0 && missing.size === 0) end(0, { kind: 'done' })
}

setTimeout(() => fail(`nothing more came within ${deadlineMs} ms`), deadlineMs)

// Without this the first join would go out before the token is known, with the rights of the API key.
await supabase.realtime.setAuth(token)

supabase
  .channel(`practice_session_${sessionId}`)
  .on(
    'postgres_changes',
    { event: 'UPDATE', schema: 'public', table: TABLES.session, filter: `id=eq.${sessionId}` },
    received,
  )
  .on(
    'postgres_changes',
    { event: '*', schema: 'public', table: TABLES.attempt, filter: `session_id=eq.${sessionId}` },
    received,
  )
  .on('system', {}, (message) => {
    if (message.status !== 'ok') return fail(`the server says: ${message.message}`)
    if (message.extension === 'postgres_changes') {
      print({ kind: 'live', message: message.message })
      if (expected.length === 0) end(0, { kind: 'done' })
    }
  })
  .subscribe((status, error) => {
    if (ended) return
    print({ kind: 'status', status })
    if (status !== 'SUBSCRIBED') fail(`${status}: ${error?.message ?? 'no reason given'}`)
  })
