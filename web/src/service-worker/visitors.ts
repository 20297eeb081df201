/**
 * The pages that this version has answered. A page that the version before has answered may still be loading when
 * this one takes over, and would meet the wrong files.
 */
class Visitors {
  readonly #answered = new Set<string>()
  readonly #foreign = new Set<string>()
  /** Since this version took over from another. A process that did not see that meets no page of before any more. */
  #isComplete = false

  answer(clientId: string): void {
    this.#answered.add(clientId)
  }

  beginAnew(): void {
    this.#isComplete = true
  }

  isOutdated(clientId: string): boolean {
    return this.#isComplete && clientId !== '' && !this.#answered.has(clientId)
  }

  /** This page came from the network although it should not have: so does all else that it needs. */
  leaveToNetwork(clientId: string): void {
    this.#foreign.add(clientId)
  }

  isForeign(clientId: string): boolean {
    return this.#foreign.has(clientId)
  }
}

export const visitors = new Visitors()
