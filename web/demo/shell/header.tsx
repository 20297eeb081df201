import type { ReactNode } from 'react'
import type { EngineStatus } from '../../src'
import { runHref } from '../lib/use-selected-run'
import { StorageControl } from '../storage/storage-control'
import { BootStatus } from './boot-status'
import { Logo } from './logo'

interface HeaderProps {
  status: EngineStatus
  isOverview: boolean
  /** To which the way back leads. */
  selectedId: string | null
}

export function Header({ status, isOverview, selectedId }: HeaderProps): ReactNode {
  return (
    <header className="header">
      <h1 className="brand">
        <Logo />
        Durably
      </h1>
      <nav className="views" aria-label="Views">
        <a
          href={selectedId === null ? '#' : runHref(selectedId)}
          aria-current={isOverview ? undefined : 'page'}
        >
          Runs
        </a>
        <a href="#overview" aria-current={isOverview ? 'page' : undefined}>
          Overview
        </a>
      </nav>
      <p className="tagline">Python jobs that survive closing the tab</p>
      <BootStatus status={status} />
      <StorageControl status={status} />
      {status.state === 'starting' && (
        <div className="boot-track" aria-hidden="true">
          <div className="boot-bar" style={{ inlineSize: `${Math.max(4, status.percent)}%` }} />
        </div>
      )}
    </header>
  )
}
