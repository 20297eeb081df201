import { createDurably, type Durably } from 'durably'
import { createOffline } from 'durably/offline'
import { askedMemoryBudget, askedSnapshot, askedStandby, askedStorage, askedTabs } from './lib/asked-storage'

declare global {
  interface Window {
    /** The client of this page, for the console and for tests. */
    durably: Durably
  }
}

export const durably = createDurably({
  spa: {
    storage: askedStorage(),
    tabs: askedTabs(),
    standby: askedStandby(),
    snapshot: askedSnapshot(),
    memoryBudget: askedMemoryBudget(),
  },
})
window.durably = durably

export const offline = createOffline({ durably })
