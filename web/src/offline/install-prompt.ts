/** What Chromium fires; no standard has it. */
interface BeforeInstallPromptEvent extends Event {
  prompt(): Promise<{ outcome: 'accepted' | 'dismissed' }>
}

/** Keeps the browser's offer to install the app until the person asks for it. */
export class InstallPrompt {
  readonly #onChange: () => void
  #offer: BeforeInstallPromptEvent | null = null

  constructor(onChange: () => void, signal: AbortSignal) {
    this.#onChange = onChange
    addEventListener('beforeinstallprompt', (event) => this.#keep(event as BeforeInstallPromptEvent), {
      signal,
    })
    addEventListener('appinstalled', () => this.#set(null), { signal })
  }

  get isThere(): boolean {
    return this.#offer !== null
  }

  /** Whether the person accepted. An offer can be made once. */
  async show(): Promise<boolean> {
    const offer = this.#offer
    if (offer === null) return false
    this.#set(null)
    return (await offer.prompt()).outcome === 'accepted'
  }

  #keep(offer: BeforeInstallPromptEvent): void {
    offer.preventDefault()
    this.#set(offer)
  }

  #set(offer: BeforeInstallPromptEvent | null): void {
    this.#offer = offer
    this.#onChange()
  }
}
