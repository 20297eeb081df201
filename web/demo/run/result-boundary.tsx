import { Component, type ReactNode } from 'react'

/** A result that cannot be drawn leaves the rest of the run on the screen. */
export class ResultBoundary extends Component<{ children: ReactNode }, { hasFailed: boolean }> {
  override readonly state = { hasFailed: false }

  static getDerivedStateFromError(): { hasFailed: boolean } {
    return { hasFailed: true }
  }

  override render(): ReactNode {
    if (!this.state.hasFailed) return this.props.children
    return <p className="hint">The result could not be drawn. Its JSON is below.</p>
  }
}
