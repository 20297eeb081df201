import type { Isolation } from '../offline/messages'

/** One version of the site, as the bundler lists it. Addresses are relative to the folder of `sw.js`. */
export interface Site {
  /** Hash over all that stands here. */
  version: string
  files: readonly SiteFile[]
  /** Scripts that belong to it, too, and are not kept. */
  leftOut: readonly string[]
  /** What is added to pages and worker scripts where the host adds nothing. */
  isolation: Isolation
  /** The Content-Security-Policy, likewise. Empty: none. */
  policy: string
  /** What answers a navigation to an address that is no file. Null: the network. */
  navigationFallback: NavigationFallback | null
}

export interface SiteFile {
  url: string
  /** Hash of the content. */
  revision: string
  integrity: string
  bytes: number
}

export interface NavigationFallback {
  url: string
  /** Beginnings of addresses that are left to the network, such as `api/`. */
  denylist: readonly string[]
}

/** The bundler puts JSON in its place. */
declare const __DURABLY_SITE__: Site

export const site = __DURABLY_SITE__
