import type { ReactNode } from 'react'
import { PullThePlug } from '../dashboard/run/pull-the-plug'

export function Intro(): ReactNode {
  return (
    <div className="detail-empty">
      <svg className="intro-picture" viewBox="0 0 240 64" aria-hidden="true">
        <path className="intro-line" d="M20 32h106" />
        <path className="intro-line intro-cut" d="M160 32h60" />
        {[20, 66, 112].map((x) => (
          <circle key={x} className="intro-done" cx={x} cy="32" r="7" />
        ))}
        {[174, 220].map((x) => (
          <circle key={x} className="intro-open" cx={x} cy="32" r="6" />
        ))}
        <path className="intro-plug" d="M148 16l-10 16h9l-6 16" />
      </svg>
      <h2>Each finished step is saved.</h2>
      <p>
        Jobs are Python functions made of steps. They run in this tab, and their database lies in this
        browser. Start one, or choose a run to see its steps, logs and result.
      </p>
      <PullThePlug />
    </div>
  )
}
