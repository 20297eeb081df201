import { createDurably as createClient, type Durably, type DurablyOptions } from 'durably'
import { startWorker } from './start-worker'

/** The folder in which `embed.js` is: all chunks lie one below. */
export const SITE = new URL(/* @vite-ignore */ '../', import.meta.url)

const engines = new Map<string, Durably>()

/**
 * The client of the engine in this browser, or behind an API. Who asks for the same one, be it a script
 * or an element, gets the same client: two engines of a page would wait for each other's database.
 */
export function createDurably(options: DurablyOptions = { spa: {} }): Durably {
  const key = keyOf(options)
  const known = engines.get(key)
  if (known !== undefined && known.status.state !== 'closed') return known
  const made = createClient('spa' in options ? { spa: { ...HERE, ...options.spa } } : options)
  engines.set(key, made)
  return made
}

function keyOf(options: DurablyOptions): string {
  if (!('spa' in options)) return `api ${options.api}`
  const { storage = 'opfs', database = 'main' } = options.spa
  return `${storage} ${database}`
}

const HERE = { runtimeUrl: new URL('durably/', SITE).href, worker: startWorker }
