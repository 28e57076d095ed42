// The rows of a long table that have to be in the page: those in view and some above and below.

// visible(scrollTop, height, rowHeight, count, extra): { from, to, before, after }; before and after are the heights of the
// rows that are left out, in px.
export function visible(scrollTop, height, rowHeight, count, extra = 10) {
  const last = Math.max(0, count);
  const from = Math.min(Math.max(0, Math.floor(scrollTop / rowHeight) - extra), Math.max(0, last - 1));
  const to = Math.min(last, Math.ceil((scrollTop + height) / rowHeight) + extra);
  const end = Math.max(from, to);
  return { from, to: end, before: from * rowHeight, after: (last - end) * rowHeight };
}

// The scrollTop that brings row i into view, or the one of now when it is in view.
export function reveal(i, scrollTop, height, rowHeight, margin = 0) {
  const top = i * rowHeight;
  if (top < scrollTop + margin) return Math.max(0, top - margin);
  if (top + rowHeight > scrollTop + height - margin) return top + rowHeight - height + margin;
  return scrollTop;
}
