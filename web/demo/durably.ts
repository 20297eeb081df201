import { createDurably, type Durably } from '../src'

declare global {
  interface Window {
    /** The client of this page, for the console and for tests. */
    durably: Durably
  }
}

/** `?storage=memory` in the address: to try the page where nothing can be kept. */
const isInMemory = new URLSearchParams(location.search).get('storage') === 'memory'

export const durably = createDurably({ spa: { storage: isInMemory ? 'memory' : 'opfs' } })
window.durably = durably
