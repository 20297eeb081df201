import type { EngineStatus } from 'durably'
import type { ReactNode } from 'react'
import { Link } from 'wouter'
import { addressOf, type Place } from '../addresses'
import { StorageLink } from '../storage/storage-link'
import { WORDS } from '../words'
import { BootStatus } from './boot-status'
import { Logo } from './logo'

const SAID = WORDS.views

interface HeaderProps {
  status: EngineStatus
  place: Place
  /** To which the way back to the runs leads. */
  runs: Place
  /** Where a job was filled in last. */
  trigger: Place
  /** Of another's page, which has its own banner. */
  isPart: boolean
  brand?: ReactNode
  tagline?: ReactNode
  tools?: ReactNode
}

export function Header({ status, place, runs, trigger, isPart, ...slots }: HeaderProps): ReactNode {
  const { brand, tagline, tools } = slots
  const views: [Place['view'], string, string][] = [
    ['runs', SAID.runs, addressOf(runs)],
    ['trigger', SAID.trigger, addressOf(trigger)],
    [
      'overview',
      SAID.overview,
      addressOf({ view: 'overview', window: '24h', jobName: null, percentile: 95 }),
    ],
    ['storage', status.role === 'remote' ? SAID.engine : SAID.storage, addressOf({ view: 'storage' })],
  ]
  const Banner = isPart ? 'div' : 'header'
  return (
    <Banner className="header">
      {brand !== undefined ? (
        brand
      ) : (
        <h1 className="brand">
          <Logo />
          {WORDS.brand}
        </h1>
      )}
      <nav className="views" aria-label={SAID.label}>
        {views.map(([view, words, href]) => (
          <Link key={view} href={href} aria-current={view === place.view ? 'page' : undefined}>
            {words}
          </Link>
        ))}
      </nav>
      {tagline !== undefined && <p className="tagline">{tagline}</p>}
      <BootStatus status={status} />
      <StorageLink status={status} />
      {tools}
      {status.state === 'starting' && (
        <div className="boot-track" aria-hidden="true">
          <div className="boot-bar" style={{ inlineSize: `${Math.max(4, status.percent)}%` }} />
        </div>
      )}
    </Banner>
  )
}
