import { createDurably, type Durably } from '../src'

declare global {
  interface Window {
    /** The client of this page, for the console and for tests. */
    durably: Durably
  }
}

export const durably = createDurably({ spa: {} })
window.durably = durably
