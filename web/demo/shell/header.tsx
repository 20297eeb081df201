import type { ReactNode } from 'react'
import type { EngineStatus } from '../../src'
import { StorageControl } from '../storage/storage-control'
import { BootStatus } from './boot-status'
import { Logo } from './logo'

export function Header({ status }: { status: EngineStatus }): ReactNode {
  return (
    <header className="header">
      <h1 className="brand">
        <Logo />
        Durably
      </h1>
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
