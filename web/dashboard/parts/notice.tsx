import type { ReactNode } from 'react'

interface NoticeProps {
  title: string
  /** Something that keeps the engine from working, told at once. */
  isBad?: boolean
  /** Buttons and links: what can be done about it. */
  actions?: ReactNode
  children: ReactNode
}

/** In full width below the header. */
export function Notice({ title, isBad = false, actions, children }: NoticeProps): ReactNode {
  return (
    <section className={isBad ? 'notice notice-bad' : 'notice'}>
      <div className="notice-words" role={isBad ? 'alert' : 'status'}>
        <h2>{title}</h2>
        {children}
      </div>
      {actions !== undefined && <div className="notice-actions">{actions}</div>}
    </section>
  )
}
