import { Component, type ReactNode } from 'react'

/** What can't be shown leaves the rest of the page on the screen, and says how to go on. */
export class Boundary extends Component<{ what: string; children: ReactNode }, { hasFailed: boolean }> {
  override readonly state = { hasFailed: false }

  static getDerivedStateFromError(): { hasFailed: boolean } {
    return { hasFailed: true }
  }

  override render(): ReactNode {
    if (!this.state.hasFailed) return this.props.children
    return (
      <p className="hint" role="alert">
        The {this.props.what} could not be shown. Runs go on meanwhile.{' '}
        <button type="button" className="button" onClick={() => window.location.reload()}>
          Reload
        </button>
      </p>
    )
  }
}
