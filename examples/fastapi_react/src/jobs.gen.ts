// Written by `durably types jobs.py`. Changes here are lost: edit the models instead.

import type {} from 'durably'

export interface Newsletter {
  /** @minLength 1 */
  subject: string
  /**
   * @minimum 1
   * @maximum 500
   * @default 20
   */
  readers?: number
  /**
   * How long a letter takes.
   *
   * @minimum 0
   * @maximum 5000
   * @default 250
   */
  pause_ms?: number
}

export interface Sent {
  subject: string
  letters: number
}

export interface Jobs {
  /** Send a newsletter to all readers. */
  'send-newsletter': { input: Newsletter; output: Sent }
  /** The same as `send-newsletter`. */
  send_newsletter: Jobs['send-newsletter']
}

declare module 'durably' {
  interface Register {
    jobs: Jobs
  }
}
