import { Component, type ReactNode } from 'react'

interface BoundaryProps {
  /** Stands where the children can't be shown. */
  fallback: ReactNode
  children: ReactNode
}

/** What can't be shown leaves the rest of the page on the screen. */
export class Boundary extends Component<BoundaryProps, { hasFailed: boolean }> {
  override readonly state = { hasFailed: false }

  static getDerivedStateFromError(): { hasFailed: boolean } {
    return { hasFailed: true }
  }

  override render(): ReactNode {
    return this.state.hasFailed ? this.props.fallback : this.props.children
  }
}
