import type { Issue, WireError } from './protocol'

/** An error of the engine. `code` is stable, `message` a sentence for people. */
export class DurablyError extends Error {
  override readonly name = 'DurablyError'
  readonly code: string
  /** The HTTP status that the error has on a server. */
  readonly status: number
  /** For `validation`: what is wrong with which field. */
  readonly issues: readonly Issue[]

  constructor(wire: WireError) {
    super(wire.message)
    this.code = wire.code
    this.status = wire.status
    this.issues = wire.issues ?? []
  }
}
