import address from '../../src/worker/entry.ts?worker&url'

/**
 * Browsers start no worker from another origin, but one of the page's own may import it, if the other
 * origin allows that (CORS).
 */
export function startWorker(): Worker {
  const { origin } = new URL(address)
  return new Worker(origin === location.origin ? address : importing(), { type: 'module', name: 'durably' })
}

function importing(): string {
  const code = new Blob([`import ${JSON.stringify(address)}`], { type: 'text/javascript' })
  return URL.createObjectURL(code)
}
