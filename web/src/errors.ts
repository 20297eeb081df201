import type { ClientRun, Issue, WireError } from './protocol'

/** An error of the engine. `code` is stable, `message` a sentence for people. */
export class DurablyError extends Error {
  override readonly name: string = 'DurablyError'
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

/** What was waited for failed. `run` tells what is known of it. */
export class RunFailedError extends DurablyError {
  override readonly name = 'RunFailedError'
  readonly run: ClientRun

  constructor(run: ClientRun) {
    super({ code: 'run_failed', status: 500, message: run.error ?? 'The run failed.' })
    this.run = run
  }
}

/** What to make of anything that was thrown. */
export function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason))
}

/** Calls a listener or callback, whose faults are its own: they are told as if no one had caught them. */
export function guarded(call: () => void): void {
  try {
    call()
  } catch (error) {
    reportFault(error)
  }
}

function reportFault(error: unknown): void {
  if (typeof reportError === 'function') reportError(error)
  else
    queueMicrotask(() => {
      throw error
    })
}

export function wireOf({ code, status, message }: DurablyError): WireError {
  return { code, status, message }
}

export function isNotFound(error: unknown): boolean {
  return error instanceof DurablyError && error.code === 'not_found'
}

export const CLOSED: WireError = { code: 'closed', status: 503, message: 'This client was closed.' }

export function notJson(error: unknown): WireError {
  const { message } = asError(error)
  return { code: 'validation', status: 400, message: `The request can’t be written as JSON: ${message}` }
}
