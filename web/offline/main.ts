/** A page for tests: what it is, and what it is made of. */

import { createDurably, type Durably } from 'durably'
import { createOffline, type Offline } from 'durably/offline'

declare const __VERSION__: string

declare global {
  interface Window {
    durably: Durably
    offline: Offline
    version: string
    /** The versions of all the parts that the page loads, also those that it loads later. */
    parts: () => Promise<Record<string, string | undefined>>
  }
}

if (__VERSION__ === 'broken') throw new Error('this version is broken')

const durably = createDurably({ spa: {} })
const offline = createOffline({ durably })

window.durably = durably
window.offline = offline
window.version = __VERSION__
window.parts = async () => {
  const { html, plain } = document.documentElement.dataset
  const data = (await (await fetch('data.json')).json()) as { version: string }
  const { late } = await import('./late')
  return { html, plain, script: __VERSION__, data: data.version, late }
}

tell('version', __VERSION__)
durably.onStatus(({ state }) => tell('engine', state))
// Tests also want a page where nobody listens.
if (!location.search.includes('silent')) {
  offline.onStatus((status) => {
    tell('offline', JSON.stringify(status))
    console.log(`offline: ${JSON.stringify(status)}`)
  })
}

function tell(id: string, text: string): void {
  const element = document.getElementById(`told-${id}`)
  if (element !== null) element.textContent = text
}
