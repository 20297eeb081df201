import type { OfflineError } from './messages'

export interface OfflineStatus {
  /**
   * `starting`: not known yet; `unsupported`: the browser, the window, the address or the site has no service worker, and
   * the app works without; `installing`: downloaded for the first time; `ready`: the app opens without a network;
   * `failed`: see `error`. It is tried again at the next visit.
   */
  state: 'starting' | 'unsupported' | 'installing' | 'ready' | 'failed'
  /** How much has been downloaded, 0 to 100: the first time, or of an update. Null: nothing is being downloaded. */
  percent: number | null
  /** `available`: a new version waits for `update()`; `applying`: engines stop, and pages reload in a moment. */
  update: 'none' | 'available' | 'applying'
  /** The version of the site that this page belongs to; null: not known. */
  version: string | null
  /** Why the last download failed, also that of an update. */
  error: OfflineError | null
  /** The browser would ask the person to install the app: see `install()`. */
  canInstall: boolean
}

export const STARTING: OfflineStatus = {
  state: 'starting',
  percent: null,
  update: 'none',
  version: null,
  error: null,
  canInstall: false,
}

export const UNSUPPORTED: OfflineStatus = { ...STARTING, state: 'unsupported' }
