import { text } from 'node:stream/consumers'
import type { Description } from './description'
import { generateTypes } from './generate'

// Started by `durably types`: the description comes in, the TypeScript file goes out.
try {
  const description = JSON.parse(await text(process.stdin)) as Description
  process.stdout.write(await generateTypes(description))
} catch (error) {
  process.stderr.write(error instanceof Error ? error.message : String(error))
  process.exitCode = 1
}
