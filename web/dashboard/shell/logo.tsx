import type { ReactNode } from 'react'

export function Logo(): ReactNode {
  return (
    <svg className="logo" viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="8" fill="currentColor" />
      <path
        d="M10 8h6a8 8 0 0 1 0 16h-6"
        fill="none"
        stroke="var(--surface)"
        strokeWidth="3"
        strokeLinecap="round"
      />
      <circle cx="10" cy="16" r="2.6" fill="var(--surface)" />
    </svg>
  )
}
