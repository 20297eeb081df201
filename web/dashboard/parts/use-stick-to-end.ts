import { useEffect, useRef, type RefObject, type UIEvent } from 'react'

export interface StickToEnd<Element extends HTMLElement> {
  ref: RefObject<Element | null>
  onScroll: (event: UIEvent<Element>) => void
}

/** Keeps a scrolled list at its end while it grows, unless the reader has scrolled up. `last`: another for each end. */
export function useStickToEnd<Element extends HTMLElement>(
  last: unknown,
  isGrowing: boolean,
): StickToEnd<Element> {
  const ref = useRef<Element>(null)
  const isAtEnd = useRef(true)
  useEffect(() => {
    if (isGrowing && isAtEnd.current && ref.current !== null) ref.current.scrollTop = ref.current.scrollHeight
  }, [last, isGrowing])
  const onScroll = ({ currentTarget: list }: UIEvent<Element>): void => {
    isAtEnd.current = list.scrollHeight - list.scrollTop - list.clientHeight < 24
  }
  return { ref, onScroll }
}
