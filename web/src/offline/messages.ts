/**
 * What pages and service workers say to each other (types only). They may be of different versions, a year
 * apart: nothing here changes its meaning, and what is not known is ignored.
 */

export type Isolation = 'require-corp' | 'credentialless' | 'none'

/** From a page to a service worker. */
export type ToServiceWorker =
  /** Answered with a `Hello`. */
  | { type: 'hello'; scripts: string[] }
  /** The person wants the version that waits. */
  | { type: 'update' }
  /** It is the same version as the one that is there: nobody need be asked, and nothing reloads. */
  | { type: 'take-over' }

export interface Hello {
  /** Of the site. Null: this service worker only removes others. */
  version: string | null
  isolation: Isolation
  /** Whether the page is of another version, by how it was loaded or by what scripts it has. */
  isOutdated: boolean
}

/** From a service worker to a page. */
export type ToPage =
  /** A new version is there. Answered with an `Asked`. */
  | { type: 'ask' }
  /** The page will be reloaded in a moment. Answered with anything as soon as its engine has stopped. */
  | { type: 'stop' }
  /** So much of this version has been downloaded. */
  | { type: 'progress'; percent: number }
  /** This version could not be downloaded. */
  | { type: 'failed'; error: OfflineError }

export interface Asked {
  /** Whether there is someone on the page who tells the person. */
  asks: boolean
}

/** Why a version could not be downloaded. */
export interface OfflineError {
  /**
   * `network`: the server can't be reached; `integrity`: what it has is not of this version, mostly because it is just
   * being uploaded; `quota`: there is no room; `worker`: the service worker could not be started.
   */
  code: 'network' | 'integrity' | 'quota' | 'worker'
  /** A sentence for people. */
  message: string
}
