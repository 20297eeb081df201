// Written by `durably types jobs.py`. Changes here are lost: edit the models instead.

import type {} from 'durably'

/** How far to count. */
export interface CountInput {
  /**
   * The last number.
   *
   * @minimum 1
   */
  to: number
  /** @default 100 */
  pause_ms?: number
}

export interface CountOutput {
  total: number
}

export type Nothing = Record<string, never>

export type RootModelInt = number

export interface Reason {
  reason: string
}

export interface Jobs {
  /** Counts, one number per step. */
  'count-to': { input: CountInput; output: CountOutput }
  /** The same as `count-to`. */
  count_to: Jobs['count-to']
  /** Returns something that is as good as nothing to JavaScript. */
  zero: { input: Nothing; output: RootModelInt }
  /** Returns nothing. */
  nothing: { input: Nothing; output: null }
  /** Fails. */
  fail: { input: Reason; output: null }
}

declare module 'durably' {
  interface Register {
    jobs: Jobs
  }
}
