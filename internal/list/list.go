// Package list provides a doubly linked list whose links live in its elements. Adding and
// removing an element allocates nothing and takes constant time.
//
// A struct that goes on a list holds a [Node] whose Value is the struct's own pointer:
//
//	type request struct {
//		node list.Node[*request]
//		// ...
//	}
//
//	r := new(request)
//	r.node.Value = r
//	queue.PushBack(&r.node)
//
// A list and its nodes are not safe for concurrent use: the caller's lock guards them.
package list

// List is a doubly linked list. The zero value is an empty list. Do not copy a list that is in use.
type List[T any] struct {
	front, back *Node[T]
	length      int
}

// Node is an element's place on a list. The zero value is on no list.
type Node[T any] struct {
	// Value is the element, usually a pointer to the struct that holds the node. The list never
	// uses it.
	Value T

	list       *List[T]
	prev, next *Node[T]
}

// Len returns the number of nodes on l.
func (l *List[T]) Len() int { return l.length }

// Front returns the first node of l, or nil if l is empty.
func (l *List[T]) Front() *Node[T] { return l.front }

// Next returns the node after n, or nil if n is the last one or on no list.
func (n *Node[T]) Next() *Node[T] { return n.next }

// List returns the list that n is on, or nil.
func (n *Node[T]) List() *List[T] { return n.list }

// PushBack adds n at the end of l. n must not be on a list.
func (l *List[T]) PushBack(n *Node[T]) {
	n.list, n.prev, n.next = l, l.back, nil
	if l.back != nil {
		l.back.next = n
	} else {
		l.front = n
	}
	l.back = n
	l.length++
}

// PushFront adds n at the beginning of l. n must not be on a list.
func (l *List[T]) PushFront(n *Node[T]) {
	n.list, n.prev, n.next = l, nil, l.front
	if l.front != nil {
		l.front.prev = n
	} else {
		l.back = n
	}
	l.front = n
	l.length++
}

// Remove takes n off l. It does nothing if n is not on l. Afterwards n holds no pointer to its
// former neighbours and may be added again.
func (l *List[T]) Remove(n *Node[T]) {
	if n.list != l {
		return
	}
	if n.prev != nil {
		n.prev.next = n.next
	} else {
		l.front = n.next
	}
	if n.next != nil {
		n.next.prev = n.prev
	} else {
		l.back = n.prev
	}
	n.list, n.prev, n.next = nil, nil, nil
	l.length--
}
